"""Read a session, live or recorded, for whoever shows or studies it: trials, weights, units; no Qt."""
