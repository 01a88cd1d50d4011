"""A model in the forms in which other programs run it."""
