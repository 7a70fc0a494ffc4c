"""Brings a database to the schema of this version, forwards only, inside the caller's transaction.

The steps are in `gateway/store/migrations/versions`, frozen; `HEAD` names the last. A database that is up to date costs
one SELECT; an empty one is made from the models, which is what all steps together make.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, text
from sqlalchemy.schema import CreateTable

from gateway.store.database import StoreUnavailableError
from gateway.store.schema import messages
from gateway.store.tables import all_tables

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The revision that `gateway.store.tables` describes."""

_versions = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As Alembic makes it."""
_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Apply every step that the database has not seen; the caller commits.

    Raises StoreUnavailableError for a database that a newer version has written.
    """
    revision = _revision(connection)
    if revision == HEAD:
        return
    if revision is None and not inspect(connection).has_table(messages.name):
        all_tables().create_all(connection)
        connection.execute(CreateTable(_versions))
        connection.execute(_versions.insert().values(version_num=HEAD))
        return
    # Only a database that is behind pays for loading Alembic.
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreUnavailableError(
            f"the database was made by a newer version (its schema is {revision}, this version knows {HEAD}): "
            "install that version again, or restore a backup from before"
        )
    command.upgrade(config, HEAD)


def alembic_config(connection: Connection) -> Config:
    """What Alembic needs to run our steps on a connection; no file of its own."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
