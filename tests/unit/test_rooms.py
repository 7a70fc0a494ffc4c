"""The map of the house is true: every room stands in `docs/architecture.md`."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = [
    room
    for package in ("brevdue", "gateway", "web")
    for room in sorted((HOUSE / package).iterdir())
    if (room.suffix == ".py" and room.stem != "__init__") or (room / "__init__.py").exists()
]


@pytest.mark.proves("rooms are named")
def test_every_room_stands_in_the_map():
    named = re.findall(r"[\w*]+(?:\.py|/)", (HOUSE / "docs/architecture.md").read_text())
    names = {str(room.relative_to(HOUSE)): f"{room.name}{'/' if room.is_dir() else ''}" for room in ROOMS}
    assert {path for path, name in names.items() if not any(fnmatch(name, pattern) for pattern in named)} == set()


@pytest.mark.proves("rooms are named")
def test_no_room_of_the_map_is_gone():
    plan = (HOUSE / "docs/architecture.md").read_text().split("```")[1]
    named = set(re.findall(r"(?<![\w*])\w+\.py\b", plan))
    there = {path.name for path in HOUSE.rglob("*.py") if not path.is_relative_to(HOUSE / ".venv")}
    assert named - there == set()
