"""Who is away and until when, so that requests go to somebody who is here. The table stands in approvals/models.py."""
