"""The sample organization: what it is given and how its story is told."""
