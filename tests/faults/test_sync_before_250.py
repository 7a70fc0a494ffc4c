"""The kernel's own record of the gateway's calls: every 250 follows the sync of what it promises."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.load import Load, verdict
from tests.faults.phones import SimulatedPhones
from tests.gateway_process import Gateway

MAILS = 100
CALLS = "fsync,fdatasync,write,pwrite64,sendto,writev,sendmsg"
_TAKEN = re.compile(r"250 2\.0\.0 taken as (\w+)")


@dataclass(frozen=True)
class Call:
    """A system call: which, on which file (or socket), with what, and in which lines of the record it began and ended."""

    name: str
    file: str
    data: str
    begun: int
    ended: int


def calls(record: Path) -> list[Call]:
    """Read what strace wrote, in the order in which calls ended; interrupted lines are put together."""
    begun: dict[tuple[str, str], tuple[int, str]] = {}
    found = []
    for number, line in enumerate(record.read_text(errors="replace").splitlines()):
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if match := re.match(r"<\.\.\. (\w+) resumed>", rest):
            start, head = begun.pop((thread, match[1]), (number, ""))
            rest = head + rest[match.end() :]
        else:
            start = number
        if match := re.match(r"(\w+)\(\d+<(.*?)>(.*)", rest, re.DOTALL):
            if rest.endswith("<unfinished ...>"):
                begun[thread, match[1]] = (number, rest.removesuffix("<unfinished ...>"))
            else:
                found.append(Call(match[1], match[2], match[3], start, number))
    return found


def unsynced(record: list[Call]) -> list[str]:
    """Ids of mails whose 250 (or whose SMS) left before what was written about them in the WAL had been synced."""
    wal = [call for call in record if call.file.endswith("-wal")]
    writes = [call for call in wal if call.name == "pwrite64"]
    syncs = [call for call in wal if call.name in {"fsync", "fdatasync"} and re.search(r"\)\s+= 0$", call.data)]
    wrong = []
    for call in record:
        promised = _TAKEN.findall(call.data) if "socket" in call.file else []
        if call.file.endswith("phones.jsonl"):
            promised = re.findall(r'received\\", \\"id\\": \\"(\w+)\.1', call.data)
        for mail in promised:
            written = next((each.ended for each in writes if f"{mail}.1" in each.data), None)
            if written is None or not any(written < sync.begun and sync.ended < call.begun for sync in syncs):
                wrong.append(mail)
    return wrong


def promises(record: list[Call]) -> list[str]:
    return [mail for call in record if "socket" in call.file for mail in _TAKEN.findall(call.data)]


@pytest.mark.proves("power cut", "250 after the sync")
def test_the_sync_comes_before_each_250_and_before_each_sms(tmp_path: Path, require):
    phones = SimulatedPhones(tmp_path / "phones")
    (tmp_path / "gateway").mkdir()
    gateway = Gateway(tmp_path / "gateway", phones.toml)
    record = tmp_path / "record"
    with gateway:
        key = gateway.key()
        gateway.account(key)
        gateway.stop()
        gateway.under = [require("strace"), "-D", "-f", "-y", "-s", "8192", "-e", f"trace={CALLS}", "-o", str(record)]
        gateway.start()
        load = Load(gateway, key, "traced")
        load.write(MAILS)
        load.settle(load.send())
        verdict(gateway, load, phones.received)
        assert gateway.stop() == 0
    seen = calls(record)
    assert len(promises(seen)) == MAILS
    assert unsynced(seen) == []


@pytest.mark.proves("250 after the sync")
@pytest.mark.parametrize(
    ("order", "wrong"),
    [
        ("write sync reply", []),
        ("write reply sync", ["01AB"]),
        ("sync write reply", ["01AB"]),
        ("write failed reply", ["01AB"]),
        ("write begin reply", ["01AB"]),
        ("reply write sync", ["01AB"]),
    ],
)
def test_the_record_is_read_rightly(order: str, wrong: list[str], tmp_path: Path):
    lines = {
        "write": '7 pwrite64(4</d/x.db-wal>, "..01AB.1..", 4096, 0) = 4096',
        "sync": "7 fdatasync(4</d/x.db-wal> <unfinished ...>\n7 <... fdatasync resumed>) = 0",
        "failed": "7 fdatasync(4</d/x.db-wal>) = -1 EIO (Input/output error)",
        "begin": "7 fdatasync(4</d/x.db-wal> <unfinished ...>",
        "reply": '8 write(5<socket:[9]>, "250 2.0.0 taken as 01AB\\r\\n", 25) = 25',
    }
    (tmp_path / "record").write_text("\n".join(lines[word] for word in order.split()))
    assert unsynced(calls(tmp_path / "record")) == wrong
