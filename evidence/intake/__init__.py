"""What is looked at when a file comes in: its name, its real type, and what about it a person should know.

The bytes themselves are never changed: what is odd is noted beside them, what is dangerous is kept in quarantine.
"""
