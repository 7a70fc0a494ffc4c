"""Other people's programs, each with a configuration and ports of its own, on loopback alone."""
