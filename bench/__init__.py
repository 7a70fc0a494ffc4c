"""Measurements beside what people use today: `make bench`, or `python -m bench --help`."""
