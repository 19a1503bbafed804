"""What a record says: companies and contacts as plain values, made by Faker from the run's seed and the record's number.

In core because two must make the same ones: the worker, which delivers them, and `kubectl simulation sample`, which shows them before.
May not live here: HubSpot (the worker's crm package gives the values its property names), and calls to a language model. Those belong to
the worker, which alone holds the key; what a model writes comes back as the values of this package.
"""
