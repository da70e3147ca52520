"""The networks of the paper; each reads like its figure."""
