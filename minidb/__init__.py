"""minidb: an embedded SQL database for Python whose point is real transactions."""
