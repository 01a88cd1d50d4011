"""Nearest products of a catalogue (BM25)."""
