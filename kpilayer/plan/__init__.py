"""A question to a plan: bound names, nodes, rewrites."""
