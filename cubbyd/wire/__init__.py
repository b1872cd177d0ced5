"""Bytes to messages and back, for both ends of the socket; no sockets here."""
