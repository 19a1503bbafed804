"""What operator, worker and CLI agree on: spec, plan, ledger, queue, content, and how each process starts and reports.

Lives here: value types parsed from a Simulation, due times and batches, the Postgres ledger, rq-scheduler and RQ, settings, portals,
reasons, health, and what a record says (content, which alone needs Faker: whoever doesn't import it can do without).
May not live here: anything that talks to Kubernetes, to HubSpot or to a language model.
"""
