"""What the pages keep in the database: people, sessions, what they changed. With `gateway.store` the only SQL."""
