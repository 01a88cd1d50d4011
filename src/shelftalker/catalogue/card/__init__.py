"""The data card: its facts, its page, and the proof that test rows were not seen."""
