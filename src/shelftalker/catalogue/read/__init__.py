"""From any catalogue file to raw rows: one reader a format."""
