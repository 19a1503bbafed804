"""All that the commands ask of a Kubernetes cluster. Whatever goes wrong becomes one of the errors of `exits`, in `connection` alone.

`connection` opens a cluster, `simulations` reads and changes Simulations, `installation` looks at what the chart installed.
"""

from simulation_cli.cluster.connection import Cluster, Where, connected
from simulation_cli.cluster.simulations import get_simulation

__all__ = ["Cluster", "Where", "connected", "get_simulation"]
