"""Speak, and the thing you asked for is on the screen before you notice a wait."""

__version__ = "0.1.0"
