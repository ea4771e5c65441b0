"""The folder of sessions: what lies there, how each one stands, what was left behind."""
