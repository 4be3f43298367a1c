"""A CTC model is trained, or trained further, by a recipe."""
