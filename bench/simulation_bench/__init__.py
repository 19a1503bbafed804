"""What is measured, beside its peers, in one run: `make bench`. One module or package per section; each gives figures and prints nothing.

May import everything; nothing imports it, and it is not part of the distribution.
"""
