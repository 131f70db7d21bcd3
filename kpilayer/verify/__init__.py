"""What must hold for numbers: metric tests on given rows, contracts and keys on the data."""
