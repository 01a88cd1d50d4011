"""Pretrain the bundled mini T5 from scratch; ``README.md`` beside this file has the commands."""
