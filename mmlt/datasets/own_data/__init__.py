"""A data set of one's own: from videos and annotations to files that train, and what they lack."""
