"""From raw lines to cleaned rows: the text rules and what runs them."""
