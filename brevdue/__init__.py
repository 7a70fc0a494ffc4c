"""The program: what starts, in which order, and the command line."""
