"""What we stand on: no older than the release that mended its last known weakness, asked for and installed."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

PROJECT = Path(__file__).parent.parent.parent / "pyproject.toml"


@pytest.mark.proves("minimum versions")
@pytest.mark.parametrize(
    ("name", "least", "older"),
    [
        ("aiosmtpd", "1.4.6", "1.4.5"),
        ("aiosmtplib", "5.1.2", "5.1.1"),
        ("starlette", "1.3.1", "1.3.0"),
        ("python-multipart", "0.0.27", "0.0.26"),
    ],
)
def test_what_is_asked_for_and_installed_is_recent_enough(name: str, least: str, older: str):
    asked = [Requirement(line) for line in tomllib.loads(PROJECT.read_text())["project"]["dependencies"]]
    (wanted,) = [requirement for requirement in asked if requirement.name == name]
    assert wanted.marker is None
    assert wanted.specifier.contains(least)
    assert not wanted.specifier.contains(older)
    assert Version(version(name)) >= Version(least)
