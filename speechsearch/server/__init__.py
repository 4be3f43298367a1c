"""The answering side: one ASGI app for sockets, health, metrics and search."""
