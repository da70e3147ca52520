"""`rig calibrate`: the cameras' topics, or a bag's, into views of the board."""
