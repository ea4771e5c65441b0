"""The simulated subject measured against what is known of real ones."""
