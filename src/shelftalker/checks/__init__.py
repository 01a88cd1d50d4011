"""What a description claims that its input does not support, and faults of form."""
