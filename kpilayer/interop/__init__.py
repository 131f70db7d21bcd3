"""Other semantic layers beside this one: what they answer, and whether it is the same."""
