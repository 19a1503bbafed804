"""The Kopf operator and the scheduler process: everything that knows Kubernetes' API and decides what happens to a Simulation.

handlers.py registers, lifecycle/ observes, decides and applies, progress shows how far it is,
autoscale/ sets worker replicas, scheduler/ dispatches.
May not live here: HubSpot, content, or SQL (the ledger's modules answer questions).
"""
