"""Decoders, one file each: from the activity of units to the velocity of the cursor."""
