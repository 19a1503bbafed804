"""The process node: a kubelet's promises kept with local processes, without containers and without root.

The pod's command runs on this machine with the pod's env, files, address and API credentials. What lives here: everything between a bound
pod and its status. What doesn't: images, Services, DNS, NetworkPolicy, securityContext, resource limits; those need a real node.

Read in this order: node.py (which pods are ours), worker.py (one pod's life), pod.py and status.py (the pure decisions),
containers.py (one process), recipe.py, env.py, volumes.py (what it is given).
"""
