"""Settings by way of running: development (make run), production, test."""
