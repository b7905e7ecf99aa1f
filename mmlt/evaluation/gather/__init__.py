"""What a model gives out, sample by sample, as arrays."""
