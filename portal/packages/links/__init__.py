"""Links to one sealed package for somebody without an account: with an end, to be taken back, each use an event."""
