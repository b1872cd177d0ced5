"""Being here lets the folders below import the modules beside this file."""
