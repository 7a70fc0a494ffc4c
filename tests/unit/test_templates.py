"""What no template of the pages holds: what would run, or be shown, without our having written it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[2] / "web" / "templates"
SCRIPTS = Path(__file__).parents[2] / "web" / "static"
FORBIDDEN = {
    "a handler": r"<[^>]*\son[a-z]+\s*=",
    "a handler of htmx": r"\bhx-(on|vars)\b|\bhx-vals=(?!'\{\"[a-z]+\": \"[a-z]+\"\}')|\bjs:|\bjavascript:",
    "an inline style": r"<[^>]*\sstyle\s*=|<style\b",
    "an inline script": r"<script(?![^>]*\ssrc=)",
    "what is not escaped": r"\|\s*safe\b|\bMarkup\b|autoescape\s+false",
    "an attribute without quotes": r"<[^>{}]*\s[a-z:-]+=\{\{",
    "another host": r"\b(src|href|action)\s*=\s*[\"']?(https?:)?//",
}

pytestmark = pytest.mark.proves("nothing runs that is not ours")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_template_holds(what: str):
    files = list(TEMPLATES.rglob("*.html"))
    assert len(files) > 50
    found = [
        f"{file.relative_to(TEMPLATES)}: {match[0][:80]}"
        for file in files
        for match in re.finditer(FORBIDDEN[what], _without_comments(file.read_text("utf-8")), re.IGNORECASE)
    ]
    assert not found


def test_no_script_of_ours_writes_markup():
    for file in SCRIPTS.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", file.read_text()
        ), file


def _without_comments(text: str) -> str:
    """The template without its comments."""
    return re.sub(r"{#.*?#}", "", text, flags=re.DOTALL)
