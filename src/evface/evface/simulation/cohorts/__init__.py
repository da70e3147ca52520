"""Whole datasets of virtual subjects, without ROS: planned, simulated in parallel, resumable."""

from evface.simulation.cohorts.plan import COHORTS, PlannedTake, SimulationPlan, Timing, planned
from evface.simulation.cohorts.run import SimulationReport, simulate

__all__ = ["COHORTS", "PlannedTake", "SimulationPlan", "SimulationReport", "Timing", "planned", "simulate"]
