"""`docs/api.md` is true: its examples are run as they stand, its words are those of the code."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.conftest import PREFIX, firm
from tests.gateway_process import BREVDUE, Gateway

pytestmark = pytest.mark.proves("REST")
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/api.md").read_text()


def _blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)


def test_every_example_does_what_it_says(require: Callable[[str], str], tmp_path: Path):
    require("curl")
    with Gateway(tmp_path) as gateway:
        made, *examples = _blocks()
        firm(gateway, "Firma A/S", "anna@firm.example")
        command = f'brevdue() {{ {" ".join(BREVDUE)} "$@" -c {gateway.config}; }}\n{made}'
        key = subprocess.run(["bash", "-e", "-c", command], capture_output=True, text=True, check=True).stdout.split()[
            -1
        ]
        environment = os.environ | {"KEY": key, "API": f"http://127.0.0.1:{gateway.http_port}{PREFIX}"}
        script = "set -ex\n" + "\n".join(examples)
        done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-1000:]
        for phone in ("+4530643064", "+4530643065", "+4530643066"):
            assert len(gateway.sms(phone)) == 1


def test_every_code_is_told():
    source = "".join(path.read_text() for path in (ROOT / "web/api").glob("*.py"))
    made = set(re.findall(r'CallRefused\(\s*\d+, "([a-z-]+)"', source)) | set(
        re.findall(r'\(4\d\d, "([a-z-]+)"\)', source)
    )
    made |= set(re.findall(r'code="([a-z-]+)"', source))
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", TEXT.partition("## Problems")[2].partition("## How often")[0]))
    missing = made - told - {"key-paused", "number-in-use"}
    assert missing == set()
