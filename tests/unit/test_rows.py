"""Every row of `tests/rows.toml` is proven by a test that names it, and no test names anything else."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ROWS = {name: what for part in tomllib.loads((TESTS / "rows.toml").read_text()).values() for name, what in part.items()}


def proven_rows(source: str) -> set[str]:
    """The names in all `pytest.mark.proves(...)` of one module. Raises where one is not written out."""
    calls = [
        call
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "proves"
    ]
    for call in calls:
        if call.keywords or not call.args or not all(isinstance(argument, ast.Constant) for argument in call.args):
            raise ValueError(f"line {call.lineno}: write each row's name out, in quotes")
    return {str(argument.value) for call in calls for argument in call.args if isinstance(argument, ast.Constant)}


@pytest.fixture(scope="module")
def proven() -> dict[str, list[str]]:
    """The modules that prove each name."""
    modules: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("*.py")):
        if path != Path(__file__):
            for name in proven_rows(path.read_text()):
                modules.setdefault(name, []).append(str(path.relative_to(TESTS)))
    return modules


@pytest.mark.parametrize("row", ROWS)
def test_row_is_proven(row: str, proven: dict[str, list[str]]):
    assert row in proven, f"no test is marked @pytest.mark.proves({row!r}): {ROWS[row]}"


def test_every_name_is_a_row(proven: dict[str, list[str]]):
    strange = {name: modules for name, modules in proven.items() if name not in ROWS}
    assert not strange, f"not in tests/rows.toml: {strange}"


def test_a_row_says_what_it_stands_for():
    assert all(isinstance(what, str) and what for what in ROWS.values())


def test_markers_are_read_from_decorators_modules_and_parameters():
    source = """
import pytest
pytestmark = [pytest.mark.proves("D1", "D2")]
@pytest.mark.proves("X1")
def test_it(): ...
@pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.proves("a long row, D3"))])
def test_other(a): ...
"""
    assert proven_rows(source) == {"D1", "D2", "a long row, D3", "X1"}


@pytest.mark.parametrize("call", ["proves(ROW)", "proves()", "proves(row='D1')", "proves(*ROWS)"])
def test_a_name_that_cannot_be_read_is_a_mistake(call: str):
    with pytest.raises(ValueError, match="line 1"):
        proven_rows(f"pytest.mark.{call}")
