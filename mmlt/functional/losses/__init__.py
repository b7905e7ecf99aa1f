"""Losses, and the weights and margins that make them mind rare classes."""
