"""evface: faces in front of event cameras, from the sensor's bytes to Action Units, without ROS."""

__version__ = "0.1.0"
