"""Fuzz one target with atheris: `python -m tests.fuzz mime --seconds 60`. Without a target, names them all.

What it finds lies in tests/fuzz/regressions/TARGET; the corpus that it grows is kept in .fuzz/TARGET between runs.
With `--inputs 1000` it tries so many, drawn by the same dice each time; `test_fuzz.py` knows what else that takes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gateway"]):
    from tests.fuzz.seeds import seeds, words
    from tests.fuzz.targets import TARGETS

REGRESSIONS = Path(__file__).parent / "regressions"
LARGEST = 4096
"""Bytes of one input."""
SLOWEST = 2.0
"""Seconds of CPU for one input of that size, instrumented and on a busy machine: many times what any should take."""


def main() -> None:
    """Read the command line and fuzz until the time is up or something is found."""
    parser = argparse.ArgumentParser(prog="tests.fuzz")
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--corpus", type=Path, default=Path(".fuzz"))
    options = parser.parse_args()
    if options.target is None:
        print("\n".join(sorted(TARGETS)))
        return
    corpus = _prepared(options.target, options.corpus)
    finds = REGRESSIONS / options.target
    finds.mkdir(parents=True, exist_ok=True)
    target = TARGETS[options.target]

    def run(data: bytes) -> None:
        started = time.process_time()
        target(data)
        assert time.process_time() - started < SLOWEST, "too slow for its size"

    limits = [f"-max_total_time={options.seconds}", f"-max_len={LARGEST}", "-timeout=20", "-rss_limit_mb=1024"]
    if options.inputs is not None:
        limits += [f"-runs={options.inputs}", "-seed=1", "-reload=0"]  # it reads its corpus again by the clock
    dictionary = f"-dict={corpus.parent / options.target}.dict"
    atheris.Setup(
        [sys.argv[0], str(corpus), *limits, dictionary, f"-artifact_prefix={finds}/", "-print_final_stats=1"], run
    )
    atheris.Fuzz()


def _prepared(target: str, root: Path) -> Path:
    """The corpus folder of a target, with its seeds in it and its dictionary beside it."""
    corpus = root / target
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds(target):
        (corpus / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed[:LARGEST])
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in words(target))
    (root / f"{target}.dict").write_text("".join(f'"{word}"\n' for word in escaped))
    return corpus


if __name__ == "__main__":
    main()
