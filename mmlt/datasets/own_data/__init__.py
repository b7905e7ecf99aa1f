"""A data set of one's own: preparing videos, importing annotations, persons, mending."""
