"""Spec → due times → batches. Pure functions on integers and numpy arrays; the clock, the network and the database stay outside."""

from simulation_core.plan.batches import MAX_BATCH, Batches, in_batches
from simulation_core.plan.plan import PLAN_VERSION, TIMELINE_BUCKETS, Plan, make_plan

__all__ = ["MAX_BATCH", "PLAN_VERSION", "TIMELINE_BUCKETS", "Batches", "Plan", "in_batches", "make_plan"]
