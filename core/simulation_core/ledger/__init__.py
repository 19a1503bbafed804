"""The Postgres ledger, the only truth: tables, and one module per question asked of it.

Every statement lives in a named place with a sentence on what it guarantees. Nothing here knows Redis, Kubernetes or HubSpot.
"""
