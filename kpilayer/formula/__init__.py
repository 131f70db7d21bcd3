"""A metric as a formula over atoms.

Both the plan and the fingerprint start here, so a number and its identity cannot disagree.
"""
