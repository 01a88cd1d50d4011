"""What the HTML pages share: one skeleton, one style, one highlighter."""
