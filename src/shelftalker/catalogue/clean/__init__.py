"""From raw lines to cleaned rows: the text rules and the workers that run them."""
