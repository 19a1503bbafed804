"""The worker Deployment's replica count: one look at the backlog, one pure decision with a reason, one write to the scale."""
