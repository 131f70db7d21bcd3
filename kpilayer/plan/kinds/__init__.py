"""One file for each kind of leaf: what it is computed from, and how."""
