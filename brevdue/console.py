"""What commands say to people and to scripts: tables, JSON, single values; and the errors that end them.

On a terminal a table is drawn; in a pipe it is plain columns that are never cut, with "-" for nothing. Control
characters in a cell (an SMS may hold anything) are shown as marks, so that no text can steer the terminal.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter

Row: TypeAlias = Mapping[str, Any]
"""One line of a table: the columns by their names, in order."""


class CommandError(Exception):
    """What the user asked for cannot be done; the message is the one sentence that says why. Exit status 1."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Options:
    """The options that every command has."""

    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None
    """The configuration file; else $BREVDUE_CONFIG, ./brevdue.toml or /etc/brevdue/brevdue.toml."""
    json: Annotated[bool, Parameter(negative=())] = False
    """Print JSON for scripts."""


DEFAULT = Options()


def complain(sentence: str) -> None:
    """Say on standard error why the command failed."""
    print(f"brevdue: {' '.join(sentence.split())}", file=sys.stderr)


def say(text: str, data: Any, options: Options) -> None:
    """Print one result: the text for people, or `data` as JSON."""
    print(json.dumps(data, ensure_ascii=False) if options.json else text)


def show(rows: Sequence[Row], options: Options, *, empty: str) -> None:
    """Print many results: a table, or a JSON list. `empty` is what people read when there are none."""
    if options.json:
        say("", [dict(row) for row in rows], options)
    elif not rows:
        complain(empty)
    elif sys.stdout.isatty():
        _draw(rows)
    else:
        cells = [list(rows[0]), *([cell(value) or "-" for value in row.values()] for row in rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
        for line in cells:
            say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip(), None, options)


def facts(values: Row, options: Options) -> None:
    """Print one thing with all that is known of it: a name and a value per line, or a JSON object."""
    if options.json:
        say("", dict(values), options)
        return
    width = max(map(len, values))
    for name, value in values.items():
        say(f"{name.ljust(width)}  {cell(value) or '-'}", None, options)


def _draw(rows: Sequence[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row.values()))
    Console(highlight=False).print(table)


def cell(value: object) -> str:
    """Write a value as a table does: nothing for None, words for truth, marks for control characters."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(cell(item) for item in value)
    return "".join(char if char.isprintable() else "⏎" if char == "\n" else "\ufffd" for char in str(value))


def moment(seconds: float | None) -> str | None:
    """Write seconds since the epoch as ISO 8601 in UTC; None stays None."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def person() -> str:
    """Who gives this command, for what is noted of it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # nobody has this user id
        return str(os.getuid())
