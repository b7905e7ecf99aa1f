"""The files that are read and written, and what can be wrong with them; free of OpenMMLab."""
