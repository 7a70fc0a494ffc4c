"""How each older schema becomes the next: run by `gateway.store.migrate` through Alembic."""
