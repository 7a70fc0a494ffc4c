"""Every find stays mended, every seed keeps the promises, and each target is fuzzed for a moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

REGRESSIONS = Path(__file__).parent / "regressions"
FINDS = sorted(path for path in REGRESSIONS.glob("*/*") if path.is_file())
SECONDS = 4
"""For each target: a minute for all of them, with their start."""


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("find", FINDS, ids=[f"{find.parent.name}-{find.name[-12:]}" for find in FINDS])
def test_what_was_found_once_is_mended(find: Path) -> None:
    TARGETS[find.parent.name](find.read_bytes())


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("target", TARGETS)
def test_well_formed_examples_keep_the_promises(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)
        TARGETS[target](seed[: len(seed) // 2])
    TARGETS[target](b"")


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("target", TARGETS)
def test_a_moment_of_fuzzing_finds_nothing(target: str, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("atheris has wheels for Linux alone")
    command = [sys.executable, "-m", "tests.fuzz", target, "--seconds", str(SECONDS), "--corpus", str(tmp_path)]
    environment = os.environ | {"COVERAGE_PROCESS_START": ""}
    ran = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=90,
    )
    assert ran.returncode == 0, f"kept in {REGRESSIONS / target}\n{ran.stderr[-3000:]}"
    assert "stat::number_of_executed_units" in ran.stderr
