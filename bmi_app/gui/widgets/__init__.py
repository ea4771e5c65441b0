"""Small parts that know nothing of a session: number fields, plots, a map of populations."""
