"""Two pages beside the recording: the subject's and the operator's.

A web server in a process of its own. What the pages show comes from the rig's topics and the session's files;
pages draw, acknowledge and pass on commands, and know nothing that a reload could lose.
"""
