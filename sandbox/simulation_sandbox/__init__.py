"""A laptop cluster of real parts for the demo and the tests: control plane, process node, Postgres, Valkey, a HubSpot emulator and
a language model.

Serves the chart as users install it; the product never imports anything from here.
"""
