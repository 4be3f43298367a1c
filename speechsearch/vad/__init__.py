"""Where speech is: detectors and the endpointer."""
