"""What a record says: companies, contacts and deals as plain values.

A record is a blueprint, which code computes from the spec, the seed and the record's number, and a flavour, which Faker or a language
model invents. In core because two must make the same records: the worker, which delivers them, and `kubectl simulation sample`, which
shows them before. May not live here: HubSpot (the worker's crm package gives the values its property names), and calls to a language
model. Those belong to the worker, which alone holds the key; what a model writes comes back as a Flavour.
"""
