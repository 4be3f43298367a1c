"""Watching every arrow of the pipeline without touching it."""
