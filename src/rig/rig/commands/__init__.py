"""The commands of `rig`, one module each; cli.py joins them."""
