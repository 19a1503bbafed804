"""The worker Deployment's replica count: one observation of the backlog, one pure decision with a reason, one write to the scale subresource."""
