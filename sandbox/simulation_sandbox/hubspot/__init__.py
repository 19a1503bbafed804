"""A HubSpot that lives in memory: the CRM calls its SDK makes, its limits and errors, and the faults one asks for.

Lives here: what HubSpot answers to whom. Known only from its documentation, its published OpenAPI documents and its SDK; tests hold every
answer against those documents.
May not live here: anything of the product. Whoever reads `/_emulator/…` sees what an outsider would see in the CRM.
"""
