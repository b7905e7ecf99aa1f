"""Ways to mix two videos of a batch into one."""
