"""Writes a step, for developers: `python -m gateway.store.migrations 0002 "what changes"`.

The step is the difference between a database that has every step before it and `gateway.store.tables`. Read it before
it is committed, and set `HEAD` in `gateway.store.migrate` to its number. A step of that number that is there already
is written anew, which is right only until it has been released.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from gateway.store.migrate import alembic_config

VERSIONS = Path(__file__).parent / "versions"


def write_step(revision: str, message: str) -> None:
    """Write `versions/<revision>_<message>.py`."""
    for old in VERSIONS.glob(f"{revision}_*.py"):
        old.unlink()
    with tempfile.TemporaryDirectory() as directory:
        engine = create_engine(f"sqlite:///{Path(directory) / 'before.db'}")
        with engine.begin() as connection:
            config = alembic_config(connection)
            command.upgrade(config, "head")
            command.revision(config, message, autogenerate=True, rev_id=revision)
        engine.dispose()
    for new in VERSIONS.glob(f"{revision}_*.py"):
        lines = new.read_text().splitlines(keepends=True)
        new.write_text("".join(line for line in lines if "# ###" not in line))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit('usage: python -m gateway.store.migrations 0002 "what changes"')
    write_step(*sys.argv[1:])
