"""The embedded provider: phones that live in a journal file, receive, answer, and fail on demand.

A number's last six digits choose a failure (`MAGIC`), unless `magic = false`. What phones received survives a restart:
each line of the journal is one JSON object, written before the submit is answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import re
import time
from array import array
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import Outcome
from gateway.model import JsonDict, new_id
from gateway.money import Money
from gateway.providers.base import Capability, EventSink
from gateway.providers.options import HOUR
from gateway.sms import DeliveryReport, InboundPart, InboundSms, OutgoingSms, ReportStatus, SmsText, SubmitResult

_E164 = re.compile(r"\+[1-9][0-9]{4,17}")
_PART_PRICE, _CREDIT = Money(25_000, "DKK"), Money(10_000_000_000, "DKK")
"""What a part is said to cost, and what is left; nobody pays it."""
RECENT = 200
"""Lines that the page shows of each phone."""
_BEHIND = 1000
"""Entries that a listener may be behind before it is sent away, to come back and read anew."""
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Magic:
    """What happens to an SMS to a number that ends in these digits."""

    meaning: str
    result: SubmitResult | None = None
    """What submit answers instead of accepting."""
    arrives: bool = True
    """Whether the phone gets the SMS."""
    reports: tuple[ReportStatus, ...] = (ReportStatus.DELIVERED,)
    pause: float = 0.0
    """Seconds before submit answers."""
    attempts: int | None = None
    """How many attempts go wrong before all is well; None for every one."""
    early: bool = False
    """Whether the reports come before submit answers."""
    reply: str = ""
    """What the phone answers at once."""


def _says(outcome: Outcome, cause: str, reason: str = "", retry_after: float | None = None) -> SubmitResult:
    return SubmitResult(outcome, cause=cause, reason=reason, public_text=cause, retry_after=retry_after)


_LOST = _says(Outcome.UNKNOWN, "connection lost after the message was sent")
MAGIC: Mapping[str, Magic] = {
    "999901": Magic(
        "refused: no such subscriber",
        _says(Outcome.PERMANENT, "absent subscriber", "not-in-use"),
        arrives=False,
    ),
    "999902": Magic(
        "refused: blocked",
        _says(Outcome.PERMANENT, "blocked", "rejected"),
        arrives=False,
    ),
    "999903": Magic(
        "throttled twice, then accepted",
        _says(Outcome.TEMPORARY, "throttled", retry_after=0.2),
        arrives=False,
        attempts=2,
    ),
    "999904": Magic("always throttled", _says(Outcome.TEMPORARY, "throttled"), arrives=False),
    "999905": Magic("accepted, then reported undeliverable", arrives=False, reports=(ReportStatus.FAILED,)),
    "999906": Magic("accepted, delivered, never a report", reports=()),
    "999907": Magic("arrives, but the answer to submit is lost", _LOST, reports=()),
    "999908": Magic("does not arrive, and the answer to submit is lost", _LOST, arrives=False, reports=()),
    "999909": Magic("the delivery report comes twice", reports=(ReportStatus.DELIVERED, ReportStatus.DELIVERED)),
    "999910": Magic("the delivery report comes before the answer to submit", early=True),
    "999911": Magic("the answer takes five seconds", pause=5.0),
    "999912": Magic(
        "reports out of order: delivered, then failed", reports=(ReportStatus.DELIVERED, ReportStatus.FAILED)
    ),
    "999913": Magic("no credit", _says(Outcome.TEMPORARY, "no credit", retry_after=60.0), arrives=False),
    "999914": Magic("the phone answers STOP", reply="STOP"),
    "999915": Magic("accepted, then reported expired", arrives=False, reports=(ReportStatus.EXPIRED,)),
}
_PLAIN = Magic("accepted and delivered")


class SimulatorProvider:
    """A provider without a network.

    `options`: `path` of the journal, `magic` (true), `report_delay` and `validity` (seconds).
    """

    window = 256
    capabilities = frozenset(
        {
            Capability.PRICE,
            Capability.BALANCE,
            Capability.PING,
            Capability.IDEMPOTENT,
            Capability.INBOUND,
            Capability.CONCATENATES_INBOUND,
        }
    )

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        unknown = set(options) - {"path", "magic", "report_delay", "validity"}
        if unknown:
            raise ValueError(
                f"the simulator has no option {', '.join(sorted(unknown))}: path, magic, report_delay, validity"
            )
        self.name = name
        self._magic = bool(options.get("magic", True))
        self._report_delay = float(options.get("report_delay", 0.05))
        self.validity = float(options.get("validity", 48 * HOUR))
        self.journal = Journal(Path(options.get("path", f"brevdue-{name}.jsonl")))
        self._sink: EventSink | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: set[asyncio.Queue[JsonDict]] = set()
        self._stopping = False

    async def start(self, sink: EventSink) -> None:
        """Open the journal; report on messages whose report did not get through before a stop."""
        self._sink = sink
        self._stopping = False
        self.journal.open()
        for entry in self.journal.unreported():
            if reports := self._magic_of(str(entry["to"])).reports:
                self._later(self._report(str(entry["id"]), str(entry["to"]), reports))

    async def stop(self) -> None:
        """Deliver outstanding reports, then close the journal."""
        self._stopping = True
        for listener in tuple(self._listeners):
            self._send_away(listener)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.journal.close()

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Put one SMS on its phone, or fail as its number says."""
        magic = self._magic_of(message.to_number)
        if magic.attempts is not None and message.attempts >= magic.attempts:
            magic = _PLAIN
        if magic.pause:
            await asyncio.sleep(magic.pause)
        if magic.arrives and not self._has_arrived(message):
            try:
                self._arrive(message)
            except OSError as error:
                return _says(Outcome.TEMPORARY, f"the journal cannot be written: {error.strerror}")
        if magic.result is not None:
            return magic.result
        ref = f"sim-{message.id}"
        if magic.early:
            await self._report(message.id, message.to_number, magic.reports)
        elif magic.reports:
            self._later(self._report(message.id, message.to_number, magic.reports, self._report_delay))
        if magic.reply:
            self._later(self._answer(message, magic.reply))
        return SubmitResult(
            Outcome.ACCEPTED, refs=(ref,), parts=message.text.parts, price=_PART_PRICE * message.text.parts
        )

    def _has_arrived(self, message: OutgoingSms) -> bool:
        """Whether an earlier attempt, perhaps of a process that died, has put the SMS on its phone."""
        return message.attempts > 0 and self.journal.has_received(message.to_number, message.id)

    def _magic_of(self, phone: str) -> Magic:
        return MAGIC.get(phone[-6:], _PLAIN) if self._magic else _PLAIN

    def _arrive(self, message: OutgoingSms) -> None:
        entry = {
            "id": message.id,
            "from": message.from_number,
            "to": message.to_number,
            "text": message.text.text,
            "parts": message.text.parts,
            "encoding": str(message.text.encoding),
            "at": time.time(),
        }
        self.journal.append({"kind": "received", **entry})
        self._tell({"kind": "received", **entry})

    async def _report(self, message_id: str, phone: str, statuses: Sequence[ReportStatus], delay: float = 0.0) -> None:
        if delay:
            await asyncio.sleep(delay)
        for status in statuses:
            report = DeliveryReport(self.name, f"sim-{message_id}", status, time.time(), phone, f"simulated: {status}")
            if not await self._insist(report):
                return
        with contextlib.suppress(OSError):  # a full disk: the next start reports once more
            self.journal.append({"kind": "reported", "id": message_id})

    async def _answer(self, message: OutgoingSms, text: str) -> None:
        await asyncio.sleep(self._report_delay)
        await self.inbound(message.to_number, message.from_number, text)

    async def inbound(
        self, from_number: str, to_number: str, text: str, *, ref: str = "", part: InboundPart | None = None
    ) -> str:
        """Send an SMS from a phone to one of our numbers; its id. Raises `ValueError` for what no phone could send."""
        for number in (from_number, to_number):
            if not _E164.fullmatch(number):
                raise ValueError(f"'{number}' is not a number in international form, such as +4530643064")
        now = time.time()
        ref = ref or new_id(now)
        await self._hand_in([InboundSms(self.name, ref, from_number, to_number, text, now, part)])
        entry = {"kind": "sent", "id": ref, "from": from_number, "to": to_number, "text": text, "at": now}
        with contextlib.suppress(OSError):  # a full disk: the SMS is stored, only the phone forgets it
            self.journal.append(entry)
        self._tell(entry)
        return ref

    async def _insist(self, report: DeliveryReport) -> bool:
        """Hand a report in until it is taken, as providers do; False where a stop came first."""
        while True:
            try:
                await self._hand_in([report])
            except Exception:  # whoever takes reports logs why not
                if self._stopping:  # the next start hands it in
                    return False
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return True

    async def _hand_in(self, events: Sequence[InboundSms | DeliveryReport]) -> None:
        if self._sink is None:
            raise RuntimeError("the simulator is not started")
        await self._sink(events)

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, entry: JsonDict) -> None:
        for listener in tuple(self._listeners):
            if listener.full():
                self._send_away(listener)
            else:
                listener.put_nowait(entry)

    def _send_away(self, listener: asyncio.Queue[JsonDict]) -> None:
        self._listeners.discard(listener)
        while listener.full():
            listener.get_nowait()
        listener.put_nowait({})

    @contextlib.asynccontextmanager
    async def live(self) -> AsyncIterator[asyncio.Queue[JsonDict]]:
        """Listen to what phones receive and send; an empty entry is the last: the simulator stops, or you are slow."""
        queue: asyncio.Queue[JsonDict] = asyncio.Queue(_BEHIND)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)

    async def ping(self) -> None:
        """Reachable by nature."""

    async def balance(self) -> Money:
        """Plenty, always."""
        return _CREDIT

    async def price(self, text: SmsText, to_number: str, from_number: str) -> Money:  # noqa: ARG002 - the same for all
        """The same for every part and phone."""
        return _PART_PRICE * text.parts


class Journal:
    """An append-only file of JSON lines, with the place of every line known by phone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._size = 0
        self._by_phone: dict[str, array[int]] = defaultdict(lambda: array("Q"))
        self._all: array[int] = array("Q")
        self._unreported: set[str] = set()

    def open(self) -> None:
        """Read what is there. A line cut off by a crash is dropped, one that cannot be read is passed over."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with self._alone():
            self._catch_up()
            os.ftruncate(self._fd, self._size)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes on the same file from writing meanwhile."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _catch_up(self) -> None:
        """Take in the whole lines that were written since, by whichever process."""
        rest = b""
        while piece := os.pread(self._fd, 1 << 20, self._size + len(rest)):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._index(json.loads(line), self._size)
                self._size += len(line) + 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def append(self, entry: JsonDict) -> None:
        """Write one line; it is in the kernel's hands when this returns. Raises OSError, and then wrote nothing."""
        line = json.dumps(entry, ensure_ascii=False).encode(errors="replace") + b"\n"
        with self._alone():
            end = os.fstat(self._fd).st_size
            if os.write(self._fd, line) < len(line):  # the disk is full: half a line would spoil the next one
                os.ftruncate(self._fd, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._catch_up()

    def _index(self, entry: JsonDict, offset: int) -> None:
        match entry["kind"]:
            case "received":
                self._by_phone[entry["to"]].append(offset)
                self._all.append(offset)
                self._unreported.add(entry["id"])
            case "sent":
                self._by_phone[entry["from"]].append(offset)
            case "reported":
                self._unreported.discard(entry["id"])

    def _read(self, offset: int) -> JsonDict:
        chunk = b""
        while b"\n" not in chunk:
            piece = os.pread(self._fd, 4096, offset + len(chunk))
            if not piece:
                break
            chunk += piece
        entry: JsonDict = json.loads(chunk.split(b"\n", 1)[0])
        return entry

    def received(self, phone: str | None = None, limit: int | None = None) -> list[JsonDict]:
        """What a phone received (or all of them), oldest first; the last `limit` of them."""
        self._catch_up()
        offsets = self._all if phone is None else self._by_phone.get(phone, array("Q"))
        entries = (self._read(offset) for offset in (offsets[-limit:] if limit else offsets))
        return [_without_kind(entry) for entry in entries if entry["kind"] == "received"]

    def has_received(self, phone: str, message_id: str) -> bool:
        """Whether a phone has a message, by its id."""
        return any(entry["id"] == message_id for entry in self.received(phone))

    def conversation(self, phone: str) -> list[JsonDict]:
        """What a phone received and sent, oldest first, with `kind`."""
        self._catch_up()
        return [self._read(offset) for offset in self._by_phone.get(phone, array("Q"))[-RECENT:]]

    def last(self, phone: str) -> JsonDict:
        """What a phone received or sent last. Raises KeyError for a phone that did neither."""
        self._catch_up()
        if phone not in self._by_phone:  # asking must not make one
            raise KeyError(phone)
        return self._read(self._by_phone[phone][-1])

    def phones(self) -> list[str]:
        """Every phone that received or sent something, the latest first."""
        self._catch_up()
        return sorted(self._by_phone, key=lambda phone: self._by_phone[phone][-1], reverse=True)

    def unreported(self) -> list[JsonDict]:
        """Messages whose delivery report was never handed in."""
        if not self._unreported:
            return []
        return [entry for entry in map(self._read, self._all) if entry["id"] in self._unreported]


def _without_kind(entry: JsonDict) -> JsonDict:
    return {name: value for name, value in entry.items() if name != "kind"}
