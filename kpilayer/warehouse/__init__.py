"""Profiles, connections, and results: the only package that knows a driver."""
