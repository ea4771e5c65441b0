"""Processes that send spikes: a simulated rig, and a recording that is streamed."""
