"""A whole catalogue described: streams, survives a kill, resumes byte for byte."""
