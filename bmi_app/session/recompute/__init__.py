"""Recorded sessions computed anew: replay, what-if, and the samples of fits."""
