"""A real-time closed-loop brain-machine interface; README.md shows it, CONTRIBUTING.md says where things live."""
