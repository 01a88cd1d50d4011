"""Scores, significance, checks, comparison, report."""
