"""Descriptions from titles: engines, decoding, catalogue jobs."""
