"""How many calls a portal may get, shared by all workers: tokens are taken before work is claimed, and everybody keeps a pause.

Lives here: limits and what headers say of them, the budget in Redis with its pauses and its circuit, its stand-in while Redis is away, the
purse from which one load's calls are paid, and the account's day. May not live here: what a call says, and what an answer means (crm/).
"""
