"""The protocol ``speechsearch.v1``: messages, codec, sessions; no sockets here."""
