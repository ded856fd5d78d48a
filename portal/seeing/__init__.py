"""Who can see one thing, and why; what one person can see. Answers come from the same tables as the refusals."""
