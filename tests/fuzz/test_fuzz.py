"""Every find stays mended, every seed keeps the promises, and each target is fuzzed for a moment.

That moment is the same each time while the code is: what is left to chance is looked for by `make fuzz`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

REGRESSIONS = Path(__file__).parent / "regressions"
FINDS = sorted(path for path in REGRESSIONS.glob("*/*") if path.is_file())
INPUTS = {
    "address": 40_000, "subject": 2_500, "mime": 2_000, "quotes": 5_000, "html": 1_000, "bounce": 30_000, "dkim": 100_000,
    "arc": 25_000, "spf": 10_000, "smpp": 30_000,
}  # fmt: skip
"""As many as take four seconds: a minute for all targets, with their start."""
SECONDS = 60
"""Enough on a busy machine; on one that is slower still, fewer inputs have to do."""


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


def _unshuffled() -> list[str]:
    """What starts a program with the same addresses each time, for the fuzzer goes by them; nothing where it may not."""
    command = ["setarch", "--addr-no-randomize"]
    if shutil.which(command[0]) is None:
        return []
    return command if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else []


@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("target", TARGETS)
def test_a_moment_of_fuzzing_finds_nothing(target: str, tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("atheris has wheels for Linux alone")
    command = [sys.executable, "-m", "tests.fuzz", target, "--inputs", str(INPUTS[target]), "--seconds", str(SECONDS)]
    environment = os.environ | {"COVERAGE_PROCESS_START": "", "PYTHONHASHSEED": "0"}
    ran = subprocess.run(
        [*_unshuffled(), *command, "--corpus", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=110,
    )
    assert ran.returncode == 0, f"kept in {REGRESSIONS / target}\n{ran.stderr[-3000:]}"
    assert "stat::number_of_executed_units" in ran.stderr
