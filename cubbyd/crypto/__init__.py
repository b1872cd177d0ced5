"""Subkeys, and sealing with associated data: the only door to libsodium."""
