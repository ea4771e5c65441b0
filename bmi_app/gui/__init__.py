"""The window, on Qt: the pages between sessions here, everything else in rooms of its own."""
