"""All that the commands ask of a Kubernetes cluster. Whatever goes wrong becomes one of the errors of `exits`.

`kubeconfig` finds a cluster, `connection` opens it, and these two alone explain what goes wrong; `simulations` reads and changes
Simulations, `installation` looks at what the chart installed.
"""

from simulation_cli.cluster.connection import Cluster, connected
from simulation_cli.cluster.kubeconfig import Where
from simulation_cli.cluster.simulations import get_simulation

__all__ = ["Cluster", "Where", "connected", "get_simulation"]
