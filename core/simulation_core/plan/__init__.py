"""Spec → due times → batches. Pure functions on integers and numpy arrays; the clock, the network and the database stay outside."""
