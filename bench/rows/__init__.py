"""The rows of the table: each function measures and returns what it found."""
