"""A small HTTP server around a writer."""
