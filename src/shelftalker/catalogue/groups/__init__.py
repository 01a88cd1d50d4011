"""Exact duplicates, and near-duplicates as groups."""
