"""The protocol editor: forms, text and a preview of one document."""
