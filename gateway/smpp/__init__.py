"""SMPP 3.4: what the provider in `gateway.providers.smpp` is made of."""
