"""Hold the protocol files that ship, and the schema that every protocol file follows."""
