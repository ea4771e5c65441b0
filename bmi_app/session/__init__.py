"""Sessions: run by an engine, looked at from outside, computed anew, kept in a folder."""
