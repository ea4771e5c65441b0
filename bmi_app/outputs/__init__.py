"""What a session drives beside the cursor, one file each: markers, a serial port."""
