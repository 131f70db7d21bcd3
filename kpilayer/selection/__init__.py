"""Which definitions a command is about: dbt's grammar over names, properties and lineage."""
