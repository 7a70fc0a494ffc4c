"""The adapter that docs/providers.md shows: it is installed, found by its entry point, and proven by its table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = ("pyproject.toml", "acme_sms.py", "table_acme.py")


def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of this environment, beside its Python, without what the test run adds to it."""
    return subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=ROOT,
        env={name: said for name, said in os.environ.items() if not name.startswith("PYTEST")} | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files as they are shown."""
    folder = tmp_path_factory.mktemp("acme-sms")
    text = (ROOT / "docs/providers.md").read_text()
    shown: Mapping[str, str] = dict(SHOWN.findall(text[text.index("## Write your own adapter") :]))
    assert tuple(shown) == FILES
    for name, content in shown.items():
        (folder / name).write_text(content)
    return folder


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, as pip puts it there; nothing is fetched."""
    target = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target))
    result = run("pip", "install", *options, str(package))
    assert result.returncode == 0, result.stderr
    assert list(target.glob("acme_sms-1.0.dist-info/entry_points.txt"))
    return target


def configuration(folder: Path, **options: str) -> Path:
    written = "".join(f'{name} = "{said}"\n' for name, said in options.items())
    path = folder / "brevdue.toml"
    path.write_text(
        (ROOT / "conf/brevdue.toml").read_text() + f'\n[[provider]]\nname = "acme"\nkind = "acme"\n{written}'
    )
    return path


@pytest.mark.proves("adapter of your own")
def test_the_program_finds_it_and_explains_its_options(installed: Path, tmp_path: Path):
    good, path = configuration(tmp_path, token="x"), str(installed)
    assert run("brevdue", "check", "-c", str(good), PYTHONPATH=path).returncode == 0
    misspelt = run("brevdue", "check", "-c", str(configuration(tmp_path, tokn="x")), PYTHONPATH=path)
    assert misspelt.returncode != 0
    assert "'token' is missing" in misspelt.stderr + misspelt.stdout
    assert "there is no option 'tokn': did you mean 'token'?" in misspelt.stderr + misspelt.stdout
    unknown = run("brevdue", "check", "-c", str(configuration(tmp_path, token="x")))
    assert unknown.returncode != 0, "without the package there is no such kind"


@pytest.mark.proves("adapter of your own", "provider contract")
def test_its_table_holds(installed: Path, package: Path):
    result = run(
        *("pytest", "-q", "-p", "no:cacheprovider", "tests/providers/test_contract.py"),
        PYTHONPATH=str(installed),
        CONTRACT_TABLES=str(package / "table_acme.py"),
    )
    assert result.returncode == 0, result.stdout
    assert int(re.findall(r"(\d+) passed", result.stdout)[0]) > 30
