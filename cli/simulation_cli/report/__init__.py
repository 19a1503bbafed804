"""A Simulation as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

`markup` makes elements and escapes all that is put into them, `charts` draws, `page` says what stands where. Nothing here asks a cluster.
"""

from simulation_cli.report.page import Report, page

__all__ = ["Report", "page"]
