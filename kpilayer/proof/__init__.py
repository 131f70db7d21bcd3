"""Whether two queries give the same rows: proved by laws, refuted by rows, or neither."""
