"""A small HTTP server around a describer."""
