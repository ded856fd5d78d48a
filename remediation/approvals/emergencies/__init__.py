"""Emergency access (break-glass): asked, activated by a second person, barred from decisions, reviewed. Tables stand in
approvals/models.py."""
