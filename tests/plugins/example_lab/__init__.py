"""A package of a lab of its own: a decoder, a learning rule and a driver, found through entry points."""
