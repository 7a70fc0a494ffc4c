"""Every function of the dialog is proven by a test that names it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
DIALOG = [*(f"D{number}" for number in range(1, 15)), "X1"]


def proven_rows(source: str) -> set[str]:
    """The ids in all `pytest.mark.proves(...)` of one module."""
    return {
        argument.value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "proves"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


@pytest.fixture(scope="module")
def rows() -> set[str]:
    return set().union(*(proven_rows(path.read_text()) for path in TESTS.rglob("test_*.py") if path != Path(__file__)))


@pytest.mark.parametrize("row", DIALOG)
def test_row_is_proven(row, rows):
    assert row in rows, f"no test is marked @pytest.mark.proves({row!r})"


def test_markers_are_read_from_decorators_modules_and_parameters():
    source = """
import pytest
pytestmark = [pytest.mark.proves("D1", "D2")]
@pytest.mark.proves("X1")
def test_it(): ...
@pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.proves("D3"))])
def test_other(a): ...
"""
    assert proven_rows(source) == {"D1", "D2", "D3", "X1"}
