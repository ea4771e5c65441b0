"""Where spikes come from, one file each."""
