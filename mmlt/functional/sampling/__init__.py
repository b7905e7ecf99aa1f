"""Class counts, the splits that follow from them, and what a balanced sampler draws."""
