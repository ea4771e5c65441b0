"""Playback of a recorded session, and what would have been with other settings."""
