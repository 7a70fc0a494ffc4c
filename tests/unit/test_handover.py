"""The file that tells what may have left a process from what surely has not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway import handover
from gateway.handover import Handover, left, path_of, remove_all_but

pytestmark = pytest.mark.proves("never sent again blindly")


def opened(folder: Path, lease: str = "L") -> Handover:
    file = Handover(folder, lease)
    file.open()
    return file


def test_what_was_noted_may_have_left(tmp_path: Path):
    file = opened(tmp_path)
    file.note(["A.1", "A.2"])
    file.note(["B.1"])
    known = left(tmp_path, "L")
    assert known is not None
    assert {"A.1", "A.2", "B.1"} <= known
    assert "C.1" not in known


def test_a_stop_leaves_no_file(tmp_path: Path):
    file = opened(tmp_path)
    file.note(["A.1"])
    file.close()
    assert left(tmp_path, "L") is None
    assert list(tmp_path.iterdir()) == []
    file.note(["A.2"])


def test_a_file_of_another_boot_says_nothing(tmp_path: Path):
    opened(tmp_path).note(["A.1"])
    path_of(tmp_path, "L").write_text("another boot attempts\nA.1/1\n")
    assert left(tmp_path, "L") is None


def test_a_large_file_is_begun_anew_with_what_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handover, "_MOST", 200)
    file = opened(tmp_path)
    for number in range(100):
        file.note([f"M{number}"])
        if number != 7:
            file.ended(f"M{number}")
    assert path_of(tmp_path, "L").stat().st_size < 400
    known = left(tmp_path, "L")
    assert known is not None
    assert {"M7", "M99"} <= known


def test_a_disk_that_is_full_makes_it_say_nothing(tmp_path: Path):
    file = opened(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._fd)
    os.close(full)
    file.note(["A.1"])
    assert left(tmp_path, "L") is None


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_send(tmp_path: Path):
    file = opened(tmp_path / "missing")
    file.note(["A.1"])
    assert set(file.under_way) == {"A.1"}
    assert left(tmp_path / "missing", "L") is None


def test_only_files_of_the_dead_are_removed(tmp_path: Path):
    for lease in ("one", "two"):
        opened(tmp_path, lease)
    (tmp_path / "brevdue.db").touch()
    remove_all_but(tmp_path, {"two"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["brevdue.db", "handover.two"]
