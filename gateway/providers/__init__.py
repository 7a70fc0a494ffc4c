"""SMS providers: each module translates one wire format and does nothing else."""
