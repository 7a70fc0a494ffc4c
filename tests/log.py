"""The log as a test reads it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import structlog

from gateway import maillog
from gateway.log_lines import LogLines, Write


@contextlib.contextmanager
def log_into(write: Write, *, as_json: bool = True, level: str = "info") -> Iterator[LogLines]:
    """Give the log's lines to `write`, and put the usual log back."""
    usual = maillog._log
    lines = maillog.configure(as_json=as_json, level=level, write=write)
    try:
        yield lines
    finally:
        lines.close()
        structlog.reset_defaults()
        maillog._log = usual
