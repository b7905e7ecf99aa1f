"""Models of scope ``mmlt``."""
