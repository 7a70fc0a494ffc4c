"""Fuzzing of everything that reads what strangers wrote: `make fuzz`, and briefly in `make test`."""
