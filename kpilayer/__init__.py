"""kpilayer: write each KPI once, get the same number everywhere."""
