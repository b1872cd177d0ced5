"""The one API behind all doors: one pure handler per operation and path."""
