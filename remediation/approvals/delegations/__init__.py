"""Deciding in another's place: lent duties, who accepted them, and what they reach. Tables stand in approvals/models.py."""
