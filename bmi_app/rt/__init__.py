"""The real-time loops: compiled kernels without the GIL, and the memory that they share with other processes."""
