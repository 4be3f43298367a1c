"""The speaking side: connection, terminal view, desktop."""
