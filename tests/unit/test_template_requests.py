"""What pages ask for while somebody types: the last of it is what they show."""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATES = Path(__file__).parents[2] / "web" / "templates"
ASKED_AT = re.compile(r'hx-trigger="[^"]*\b(?:input|change)\b[^"]*"(?P<then>[^>]*)')


def test_what_is_typed_while_an_answer_is_on_its_way_is_not_dropped():
    """The library runs one request, keeps one for later as it was then, and drops those that come after."""
    found = [
        (file.name, each[0][:60], 'hx-sync="this:replace"' in each["then"])
        for file in TEMPLATES.rglob("*.html")
        for each in ASKED_AT.finditer(file.read_text("utf-8"))
    ]
    assert len(found) > 20
    assert [each for each in found if not each[2]] == []
