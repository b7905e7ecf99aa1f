"""Which frames of a video are looked at, in which order, and what the order is worth."""
