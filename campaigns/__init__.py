"""People and occasions on top of the transport."""
