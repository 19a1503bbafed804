"""What a record looks like: companies and contacts as plain values, from Faker (seeded per record) or a language model. No HubSpot here."""
