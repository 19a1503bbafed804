"""Pictures of plans: in the terminal as plain text, and as PNG.

What is drawn comes in as a Timeline, so nothing here knows specs, plans or clusters. Matplotlib is imported only by `png`, and `png` only
where a PNG was asked for: it takes a second to load.
"""

from simulation_cli.drawing.timeline import Outline, Timeline

__all__ = ["Outline", "Timeline"]
