"""Recorded sessions: the list, the result of one, and what can be done with it."""
