"""Whatever the audit log notes is shown in words, not by the name that programs know it by."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.pages.audit import deeds, subjects

HOUSE = Path(__file__).parents[2]
ACTION = re.compile(r"[a-z]+\.[a-z_-]+")


def noted() -> Iterator[str]:
    """Actions that are handed to whatever notes them, as the code says them."""
    for path in (*HOUSE.glob("web/desk/*.py"), *HOUSE.glob("web/identity/*.py"), *HOUSE.glob("brevdue/*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and "note" in call.func.attr:
                values = [each.value for each in call.args if isinstance(each, ast.Constant)]
                yield from (each for each in values if isinstance(each, str) and ACTION.fullmatch(each))


@pytest.mark.proves("audit log")
def test_every_action_has_words() -> None:
    actions = set(noted())
    assert {"campaign.edit", "contact.add", "optout.add"} <= actions
    assert actions - deeds().keys() == set()
    assert {beginning for beginning, _ in subjects()} - {f"{each.partition('.')[0]}." for each in deeds()} == {""}
