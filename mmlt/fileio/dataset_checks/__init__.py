"""The mistakes of a whole data set in AVA's format: what was read is walked through, all are told.

The datasets stop at the first mistake that makes a training wrong; here every file is read as far
as it goes (:mod:`.annotation_rows`, :mod:`.loose_proposals`), and each check is a pure function of
what was read that gives :class:`~.finding.Finding`. :func:`~.whole.check_splits` calls them all.
"""
