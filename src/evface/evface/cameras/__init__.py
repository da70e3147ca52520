"""Cameras as sources of packets and frames: live devices, files, virtual ones."""
