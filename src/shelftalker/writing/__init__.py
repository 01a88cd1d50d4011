"""From a product to its checked description."""
