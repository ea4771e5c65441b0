"""Measurements that print: latency, speed, and how decoders and rules do in closed loop."""
