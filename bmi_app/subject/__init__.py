"""Simulated subjects, one file each with a kernel `ACT`, and the parts that they are made of."""
