"""What every window needs: colours, keys, a thread for slow work, faults that are shown."""
