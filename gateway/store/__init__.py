"""The database behind the transport. The only room that knows SQL."""
