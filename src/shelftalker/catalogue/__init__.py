"""From any catalogue file to clean, leak-proof splits."""
