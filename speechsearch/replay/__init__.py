"""Recorded traffic through the real pipeline, in process and faster than real time."""
