"""The demonstration: a short session on the virtual rig, all the way to Action Unit scores and a page."""
