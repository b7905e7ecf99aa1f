"""A run's folder: what it holds, reading it, comparing it with others."""
