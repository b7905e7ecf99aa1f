"""Making a data set of one's own: a folder with a videos.json, see mmlt.fileio.video_table."""
