"""From recorded bags to the published tree and to clips for training."""
