"""A folder for one measurement, on the file system that `TMPDIR` names; gone when it is over."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Readable by the users that Postfix and its scripts run as."""
    home = Path(tempfile.mkdtemp(prefix="brevdue-bench-"))
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
