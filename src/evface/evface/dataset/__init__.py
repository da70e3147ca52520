"""From bags to clips: the published dataset and its torch view."""
