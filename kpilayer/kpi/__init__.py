"""KPIs: contracts on metrics, what is advised of them, and how they stand."""
