"""The scheduler process: the dispatcher that offers what is due soon from the ledger to Redis, and rq-scheduler's loop that moves due jobs.

decide.py says what to offer, dispatcher.py does one tick of it (the operator ticks as well, once it published a plan), main.py is the
process. Any number of replicas run at once. May not live here: Lua and rq-scheduler (core's queue package), SQL (the ledger's modules).
"""
