"""A laptop cluster of real parts for the demo and the tests: control plane, process node, Postgres, Valkey and a HubSpot emulator.

Serves the chart as users install it; the product never imports anything from here.
"""
