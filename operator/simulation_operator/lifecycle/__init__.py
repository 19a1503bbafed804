"""Observe → decide → apply for one Simulation. Decisions are pure functions of an observation; I/O lives on both sides of them."""
