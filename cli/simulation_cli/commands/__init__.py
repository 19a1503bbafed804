"""The commands that ask a cluster: their options and help texts, and in which order things are done.

What only they need is imported within them: Kubernetes' client takes a second to load, and completion and --help have no second.
"""
