"""`kubectl simulation …`: a kubectl plugin. Everything it does can be done with kubectl alone.

Lives here: commands, what they print and draw, and reading manifests and, where asked, the cluster (cluster/ alone).
May not live here: HubSpot, the ledger, the queue. What only some commands need (Kubernetes' client, Faker, matplotlib) is imported by
them alone.
"""
