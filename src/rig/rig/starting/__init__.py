"""Two starters of one graph: `local` starts processes itself, `launching` hands them to ROS 2's launch."""
