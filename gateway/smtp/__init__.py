"""What `gateway.smtp_in` is made of: bytes, syntax, sessions, commands, limits."""
