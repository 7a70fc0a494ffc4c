"""Reads a workbook in a process of its own, which writes each row as a line of JSON.

A workbook is in memory as a whole while it is read, for a million rows most of a gigabyte. That is the memory of the
process `python -m campaigns.imports.workbook < FILE`, and ends with it; the gateway has one row at a time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import BinaryIO, Final

import orjson

from gateway import sheet_file
from gateway.registry.errors import BadValue
from gateway.translation import sentence
from gateway.workbook_bounds import Bounds

BOUNDS: Final = Bounds(unpacked=2_000_000_000, cells=25_000_000)
"""What a workbook of a million rows and two dozen columns takes."""
_LONGEST_LINE: Final = 1 << 24


async def rows(file: BinaryIO) -> AsyncIterator[sheet_file.Row]:
    """The rows of a workbook, which is a file on a disk. Raises BadValue."""
    file.seek(0)  # where it stands is shared with the process
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "campaigns.imports.workbook",
        stdin=file,
        stdout=asyncio.subprocess.PIPE,
        limit=_LONGEST_LINE,
    )
    whole = False
    try:
        while process.stdout is not None and (line := await process.stdout.readline()):
            read = orjson.loads(line)
            if read is None:
                whole = True
            elif isinstance(read, str):
                raise BadValue(read)
            else:
                yield read[0], read[1]
    except ValueError as error:
        raise _unreadable() from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if not whole:
        raise _unreadable()


def _unreadable() -> BadValue:
    return BadValue(sentence("the workbook cannot be read: save it again as XLSX, or as CSV"))


def _write(file: BinaryIO) -> None:
    out = sys.stdout.buffer
    try:
        for row in sheet_file.rows(file, bounds=BOUNDS):
            out.write(orjson.dumps(row) + b"\n")
    except BadValue as error:
        out.write(orjson.dumps(str(error)) + b"\n")
    out.write(b"null\n")
    out.flush()


if __name__ == "__main__":
    os.nice(10)
    _write(sys.stdin.buffer)
