"""One file a metric or family of metrics; a file that stands here takes part, see `registry`."""
