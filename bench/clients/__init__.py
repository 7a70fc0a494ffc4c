"""Clients of our own, where others' load generators keep no time of a single message; each runs in its own process."""
