"""The rules behind `evaluation.checks`, one kind of claim or fault a file."""
