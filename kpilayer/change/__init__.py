"""What a change of definitions does: to numbers, to whom, and whether it may merge."""
