"""Training loops, folds and checkpoints."""
