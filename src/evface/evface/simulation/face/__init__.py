"""Virtual people: a head in three dimensions, its skin, and the room it sits in."""

from evface.simulation.face.scene import FaceScene

__all__ = ["FaceScene"]
