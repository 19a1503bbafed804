"""The RQ worker: takes a batch, makes its content, delivers it to HubSpot and records each record's outcome in the ledger.

May not live here: Kubernetes. HubSpot is known only below crm/, a language model only below content/; what it writes are the flavours of
simulation_core.content.
"""
