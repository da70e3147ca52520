"""The ROS 2 package of the rig: thin nodes around evface, the launch descriptions, the `rig` command."""
