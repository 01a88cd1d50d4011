"""Base models, adapters, and their conversion."""
