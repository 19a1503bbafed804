"""HubSpot, and the only place in the worker that knows it: batch upserts, associations, our properties, what each answer means."""
