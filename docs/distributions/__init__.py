"""Makes docs/reference/distributions.md and its pictures: what each method does, from the CRD's words and the planner's own plans."""

from distributions.page import written

__all__ = ["written"]
