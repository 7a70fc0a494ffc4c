"""Alembic's entry: runs the steps on the connection, and in the transaction, that `gateway.store.migrate` hands in."""

from __future__ import annotations

from alembic import context

from gateway.store.tables import all_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=all_tables(),
    compare_type=True,
    compare_server_default=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
