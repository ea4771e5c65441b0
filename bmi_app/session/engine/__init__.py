"""The engine process: builds a session, runs its loops, takes commands, feeds the journal and the outlets."""
