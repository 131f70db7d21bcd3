"""Superset: datasets with governed metrics, made over its REST API."""
