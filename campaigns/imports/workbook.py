"""Reads a workbook in a process of its own, which writes each row as a line of JSON.

A workbook is in memory as a whole while it is read, for a million rows most of a gigabyte. That is the memory of the
process `python -m campaigns.imports.workbook BYTES < FILE`, and ends with it; the gateway has one row at a time. What
was made to take more is refused when it does.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import BinaryIO, Final

import orjson

from gateway import sheet_file
from gateway.registry.errors import BadValue
from gateway.workbook_bounds import TOO_BIG, UNREADABLE, Bounds

BOUNDS: Final = Bounds(unpacked=2_000_000_000, cells=25_000_000)
"""What a workbook of a million rows and two dozen columns takes."""
_LONGEST_LINE: Final = 1 << 24
MEMORY: Final = 2_500_000_000
"""Bytes of address space of that process: ten megabytes can hold a hundred million texts of nothing."""


async def rows(file: BinaryIO, memory: int = MEMORY) -> AsyncGenerator[sheet_file.Row]:
    """The rows of a workbook, which is a file on a disk; read with so many bytes of memory. Raises BadValue."""
    file.seek(0)  # where it stands is shared with the process
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "campaigns.imports.workbook",
        str(memory),
        stdin=file,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # how it ends is told by the refusal
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
        raise BadValue(UNREADABLE) from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if not whole:  # it ended by itself, for want of memory
        raise BadValue(TOO_BIG)


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
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
    _write(sys.stdin.buffer)
