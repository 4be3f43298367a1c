"""What is learnt from recordings: how well they are heard and found, and where they are not."""
