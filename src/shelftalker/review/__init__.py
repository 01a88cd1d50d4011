"""A catalogue's drafts, passed by an editor."""
