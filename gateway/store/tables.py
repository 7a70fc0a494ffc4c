"""All tables: the transport's own, and those of the rooms above it, which announce theirs by entry point.

A subject with tables of its own declares them on `schema.metadata` in a `*_schema.py` beside its SQL.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from sqlalchemy import MetaData

from gateway.store import (  # noqa: F401 - they declare their tables
    hold_schema,
    retention_schema,
    statistics_schema,
    webhook_schema,
)
from gateway.store.schema import metadata


def all_tables() -> MetaData:
    """Every table there is; modules under the entry point `brevdue.tables` have declared theirs when this returns."""
    for room in entry_points(group="brevdue.tables"):
        room.load()
    return metadata
