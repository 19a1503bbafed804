"""The product's worker without HubSpot, for what is measured of its queue, slots and ledger."""
