"""The rules of who is let in to one thing, for the one table of rules (remediation/sod/rulebook)."""
