"""The page about a data set: what is wrong, its classes and splits, boxes on frames."""
