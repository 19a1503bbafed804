"""The RQ worker: takes a batch, makes its content, delivers it to HubSpot and records each record's outcome in the ledger.

May not live here: Kubernetes. HubSpot is known only below crm/. Content without a model is simulation_core.content; the part that asks a
language model is to live here, in a content/ of its own, and to return the same values.
"""
