"""What is seen of a session, live or recorded; each panel is fed the rows that are new."""
