"""What is told to people where a KPI changes: once for each change, never for each run."""
