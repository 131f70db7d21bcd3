"""KPIs that are ready to take: definitions over documented facts, and drafts of them for a project.

The files beside this one are the library: `facts.yml`, a file for each function of a company, and
`refused.yml`. Read by `entries`, mapped to a project's models and tables by `mapping`, and written
as YAML by `drafts`.
"""
