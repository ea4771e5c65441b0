"""The window on a running session: what it shows beside the panels, and what an operator commands."""
