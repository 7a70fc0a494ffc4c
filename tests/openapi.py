"""Vendors' own OpenAPI, kept by Prism (npm): it refuses a request that does not fit, and an answer that does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.node_packages import NODE, node_with

SPECS = Path(__file__).resolve().parents[1] / ".." / "shared" / "specs"


def document(name: str) -> Any:
    """A vendor's document. Without it the test is skipped with the reason; in CI it fails."""
    path = SPECS / name
    if not path.exists():
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"{path} is not on this machine: nothing proves that we keep to the vendor's OpenAPI")
    text = path.read_text(encoding="utf-8")
    read = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    for operations in read["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.pop("callbacks", None)  # Prism would call the address that a request names
    return read


@contextmanager
def prism(
    require: Callable[[str], str], spec: Any, folder: Path, behind: str | None = None, *flags: str
) -> Iterator[str]:
    """The address of a Prism that answers by a document itself, or looks at what passes to a server `behind` it."""
    node = node_with(require, "@stoplight/prism-cli")
    path = folder / "openapi.json"
    path.write_text(json.dumps(spec, default=str))  # YAML reads times
    command = [node, str(NODE / "node_modules/@stoplight/prism-cli/dist/index.js")]
    command += ["mock", str(path)] if behind is None else ["proxy", str(path), behind]
    command += ["--errors", "--host", "127.0.0.1", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        try:
            said: list[str] = []
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"listening on (http://127\.0\.0\.1:\d+)", line):
                    break
            else:
                pytest.fail("Prism did not start: " + "".join(said)[-2000:])
            yield found[1]
        finally:
            process.kill()
