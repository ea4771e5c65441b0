"""The start page: a protocol, a source, a subject, and the start of a session."""
