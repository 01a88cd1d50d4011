"""The recipe: its sections, its flags, its file."""
