"""A package of a lab of its own: a plugin of each kind, one file each, found through entry points."""
