"""A plan to SQL."""
