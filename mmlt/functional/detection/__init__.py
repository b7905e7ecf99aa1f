"""Boxes on keyframes: AVA's files, frame-AP, and the scores that annotated boxes were given."""
