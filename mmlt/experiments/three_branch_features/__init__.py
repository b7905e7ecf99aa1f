"""The three branches on features of a frozen trunk of the toy world, all else as in a detector."""
