"""Content from a language model: asked in good time, judged field by field, stored before anything of it is delivered.

Lives here: the one client of a model, what it is asked, what of its answer is kept, and when Faker stands in for it.
May not live here: HubSpot, and anything a record depends on. A model gives flavour (names, titles, descriptions); keys, e-mails, domains,
dates and amounts are computed. Neither prompts nor answers are ever logged: theme and texts are the user's.
"""
