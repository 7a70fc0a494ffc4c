"""The embedded provider: its journal outlives stops and crashes, and each magic number fails as it says."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
from pathlib import Path

import pytest

from gateway.errors import Outcome
from gateway.providers.base import Provider
from gateway.providers.simulator import MAGIC, RECENT, SimulatorProvider
from gateway.sms import DeliveryReport, InboundEvent, InboundPart, InboundSms, OutgoingSms, ReportStatus
from gateway.sms_text import measure

OURS = "+45609946000001"
PHONE = "+4530643064"


def sms(to: str, text: str = "Hej", *, ident: str = "M1.1", attempts: int = 0) -> OutgoingSms:
    return OutgoingSms(ident, "org", "account", "key", OURS, to, measure(text), "simulator", attempts=attempts)


class Heard:
    """Takes what the provider hears, or refuses it as often as asked."""

    def __init__(self) -> None:
        self.events: list[InboundEvent] = []
        self.refusals = 0
        self.told = asyncio.Event()

    async def __call__(self, events) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("the database is away")
        self.events += events
        self.told.set()

    def statuses(self) -> list[ReportStatus]:
        return [event.status for event in self.events if isinstance(event, DeliveryReport)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "phones" / "journal.jsonl"


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def simulator(path, heard):
    provider = SimulatorProvider("simulator", {"path": str(path), "report_delay": 0})
    await provider.start(heard)
    yield provider
    await provider.stop()


async def restarted(path: Path, heard: Heard) -> SimulatorProvider:
    provider = SimulatorProvider("simulator", {"path": str(path), "report_delay": 0})
    await provider.start(heard)
    return provider


async def test_is_a_provider(simulator):
    assert isinstance(simulator, Provider)
    await simulator.ping()
    assert str(await simulator.balance()) == "100000.00 DKK"
    assert str(await simulator.price(measure("x" * 200), "+4530643064", "+45609946000001")) == "0.50 DKK"


async def test_unknown_options_are_refused_by_name():
    with pytest.raises(ValueError, match="no option colour, size: path, magic, report_delay"):
        SimulatorProvider("simulator", {"size": 1, "colour": 2})


@pytest.mark.proves("D8")
async def test_what_a_phone_receives(simulator, heard):
    text = 'Linje 1\nLinje 2 "«€🎉\u2028 \u202eenil'
    result = await simulator.submit(sms(PHONE, text))
    assert (result.outcome, result.refs) == (Outcome.ACCEPTED, ("sim-M1.1",))
    (entry,) = simulator.journal.received(PHONE)
    assert entry.pop("at") > 1.7e9
    assert entry == {"id": "M1.1", "from": OURS, "to": PHONE, "text": text, "parts": 1, "encoding": "ucs2"}
    await asyncio.wait_for(heard.told.wait(), 2)
    (report,) = heard.events
    assert (report.ref, report.status, report.to_number) == ("sim-M1.1", ReportStatus.DELIVERED, PHONE)


@pytest.mark.proves("D2")
async def test_what_a_phone_sends(simulator, heard):
    part = InboundPart("7", 3, 1)
    ref = await simulator.inbound(PHONE, OURS, "Tak", ref="p-1", part=part)
    (event,) = heard.events
    assert isinstance(event, InboundSms)
    assert (ref, event.ref, event.from_number, event.to_number, event.text) == ("p-1", "p-1", PHONE, OURS, "Tak")
    assert event.part == part
    assert [entry["kind"] for entry in simulator.journal.conversation(PHONE)] == ["sent"]
    assert simulator.journal.received() == []


@pytest.mark.parametrize(
    "number", ["", "+", "30643064", "+0030643064", "+45 30643064", "+453", "+٤٥٣٠٦٤٣٠٦٤", "+4530643064\n"]
)
async def test_no_phone_has_such_a_number(simulator, heard, number):
    with pytest.raises(ValueError, match="not a number in international form"):
        await simulator.inbound(number, OURS, "Hej")
    assert heard.events == []


async def test_an_sms_that_is_not_taken_was_not_sent(simulator, heard):
    heard.refusals = 1
    with pytest.raises(ConnectionError):
        await simulator.inbound(PHONE, OURS, "Hej")
    assert simulator.journal.phones() == []


# --- the journal ---------------------------------------------------------------------------------------------------


async def test_what_phones_received_survives_a_restart(path, heard):
    first = await restarted(path, heard)
    await first.submit(sms(PHONE, "Æ 🎉"))
    await first.inbound(PHONE, OURS, "Tak")
    await first.submit(sms("+4520304050", "x" * 9000, ident="M2.1"))
    before = first.journal.received(), first.journal.conversation(PHONE), first.journal.phones()
    await first.stop()
    second = await restarted(path, heard)
    assert (second.journal.received(), second.journal.conversation(PHONE), second.journal.phones()) == before
    assert second.journal.phones() == ["+4520304050", PHONE]
    assert second.journal.last("+4520304050")["text"] == "x" * 9000
    await second.stop()


async def test_a_line_cut_off_anywhere_by_a_crash_is_dropped(path, heard):
    first = await restarted(path, heard)
    await first.submit(sms("+4530999906", "først", ident="M1.1"))
    whole = path.stat().st_size
    await first.submit(sms("+4530999906", "så 🎉", ident="M2.1"))
    await first.stop()
    content = path.read_bytes()
    for end in range(whole, len(content)):
        path.write_bytes(content[:end])
        second = await restarted(path, heard)
        assert [entry["text"] for entry in second.journal.received()] == ["først"]
        await second.submit(sms("+4530999906", "igen", ident="M3.1"))
        assert [entry["text"] for entry in second.journal.received()] == ["først", "igen"]
        await second.stop()


@pytest.mark.parametrize(
    "rubbish", [b"\0\0\0\0\n", b"{}\n", b"null\n", b"[1]\n", b'{"kind": "received"}\n', b"\xff\xfe\n"]
)
async def test_a_line_that_cannot_be_read_is_passed_over(path, heard, rubbish):
    first = await restarted(path, heard)
    await first.submit(sms(PHONE, "før"))
    await first.stop()
    path.write_bytes(path.read_bytes() + rubbish)
    second = await restarted(path, heard)
    await second.submit(sms(PHONE, "efter", ident="M2.1"))
    assert [entry["text"] for entry in second.journal.conversation(PHONE)] == ["før", "efter"]
    await second.stop()


async def test_a_full_disk_is_a_temporary_failure_and_spoils_no_line(simulator, path, heard):
    await simulator.submit(sms("+4530999906", "før"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
        result = await simulator.submit(sms("+4530999906", "ingen plads", ident="M2.1"))
        await simulator.inbound("+4530999906", OURS, "sendt")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert result.outcome is Outcome.TEMPORARY
    assert [event.text for event in heard.events if isinstance(event, InboundSms)] == ["sendt"]
    await simulator.submit(sms("+4530999906", "efter", ident="M3.1"))
    assert [json.loads(line)["text"] for line in path.read_text().splitlines()] == ["før", "efter"]
    assert [entry["text"] for entry in simulator.journal.received()] == ["før", "efter"]


async def test_half_a_surrogate_pair_does_not_stop_the_journal(simulator):
    await simulator.inbound(PHONE, OURS, "a\ud83cb")
    assert simulator.journal.last(PHONE)["text"] == "a?b"


async def test_the_journal_is_for_its_owner_alone(simulator, path):
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_page_gets_the_latest_of_a_long_conversation(simulator):
    for number in range(RECENT + 5):
        simulator.journal.append(
            {"kind": "sent", "id": str(number), "from": PHONE, "to": OURS, "text": str(number), "at": float(number)}
        )
    shown = [entry["text"] for entry in simulator.journal.conversation(PHONE)]
    assert shown == [str(number) for number in range(5, RECENT + 5)]
    assert simulator.journal.last(PHONE)["text"] == str(RECENT + 4)


async def test_a_phone_that_did_nothing_has_no_last_message(simulator):
    with pytest.raises(KeyError):
        simulator.journal.last(PHONE)
    assert simulator.journal.conversation(PHONE) == simulator.journal.phones() == []


async def test_the_last_so_many_messages(simulator):
    for number in range(4):
        await simulator.submit(sms(PHONE, str(number), ident=f"M{number}.1"))
    assert [entry["text"] for entry in simulator.journal.received(PHONE, 2)] == ["2", "3"]
    assert [entry["text"] for entry in simulator.journal.received(limit=3)] == ["1", "2", "3"]


# --- reports -------------------------------------------------------------------------------------------------------


async def test_a_report_that_a_crash_prevented_is_sent_after_the_restart(path, heard):
    slow = SimulatorProvider("simulator", {"path": str(path), "report_delay": 60})
    await slow.start(heard)
    await slow.submit(sms(PHONE))
    crashed = path.read_bytes()
    assert heard.events == []
    for task in list(slow._tasks):
        task.cancel()
    await slow.stop()
    assert path.read_bytes() == crashed
    second = await restarted(path, heard)
    await asyncio.wait_for(heard.told.wait(), 2)
    await second.stop()
    assert heard.statuses() == [ReportStatus.DELIVERED]
    third = await restarted(path, heard)
    await third.stop()
    assert heard.statuses() == [ReportStatus.DELIVERED]


async def test_a_report_is_handed_in_until_it_is_taken(simulator, heard, monkeypatch):
    monkeypatch.setattr("gateway.providers.simulator._RETRY_SECONDS", 0.01)
    heard.refusals = 3
    await simulator.submit(sms(PHONE))
    await asyncio.wait_for(heard.told.wait(), 2)
    assert heard.statuses() == [ReportStatus.DELIVERED]


async def test_a_stop_does_not_wait_for_a_database_that_is_away(path, heard):
    first = await restarted(path, heard)
    heard.refusals = 100
    await first.submit(sms(PHONE))
    await asyncio.wait_for(first.stop(), 5)
    heard.refusals = 0
    second = await restarted(path, heard)
    await asyncio.wait_for(heard.told.wait(), 2)
    await second.stop()
    assert heard.statuses() == [ReportStatus.DELIVERED]


# --- magic numbers -------------------------------------------------------------------------------------------------

OK = Outcome.ACCEPTED
DELIVERED, FAILED, EXPIRED = ReportStatus.DELIVERED, ReportStatus.FAILED, ReportStatus.EXPIRED
CASES = {
    "999901": (Outcome.PERMANENT, 0, []),
    "999902": (Outcome.PERMANENT, 0, []),
    "999903": (Outcome.TEMPORARY, 0, []),
    "999904": (Outcome.TEMPORARY, 0, []),
    "999905": (OK, 0, [FAILED]),
    "999906": (OK, 1, []),
    "999907": (Outcome.UNKNOWN, 1, []),
    "999908": (Outcome.UNKNOWN, 0, []),
    "999909": (OK, 1, [DELIVERED, DELIVERED]),
    "999910": (OK, 1, [DELIVERED]),
    "999911": (OK, 1, [DELIVERED]),
    "999912": (OK, 1, [DELIVERED, FAILED]),
    "999913": (Outcome.TEMPORARY, 0, []),
    "999914": (OK, 1, [DELIVERED]),
    "999915": (OK, 0, [EXPIRED]),
}


def test_every_magic_number_has_a_case():
    assert set(CASES) == set(MAGIC)
    assert len({magic.meaning for magic in MAGIC.values()}) == len(MAGIC)


@pytest.mark.parametrize("digits", CASES)
async def test_magic_number(path, heard, digits, monkeypatch):
    outcome, arrived, reports = CASES[digits]
    slept = []
    rest = asyncio.sleep

    async def sleep(seconds):
        slept.append(seconds)
        await rest(0)

    monkeypatch.setattr("gateway.providers.simulator.asyncio.sleep", sleep)
    provider = await restarted(path, heard)
    result = await provider.submit(sms(f"+4530{digits}"))
    early = heard.statuses()
    await provider.stop()
    assert result.outcome is outcome
    assert bool(result.refs) is (outcome is OK)
    assert heard.statuses() == reports
    assert (early == reports) is (digits == "999910" or not reports)
    assert (5.0 in slept) is (digits == "999911")
    again = await restarted(path, Heard())
    assert len(again.journal.received()) == arrived
    await again.stop()


async def test_a_throttled_number_is_accepted_the_third_time(simulator):
    results = [await simulator.submit(sms("+4530999903", attempts=attempt)) for attempt in range(3)]
    assert [result.outcome for result in results] == [Outcome.TEMPORARY, Outcome.TEMPORARY, Outcome.ACCEPTED]
    assert results[0].retry_after == 0.2
    assert len(simulator.journal.received()) == 1


async def test_no_credit_asks_for_time(simulator):
    assert (await simulator.submit(sms("+4530999913"))).retry_after == 60


async def test_a_phone_that_answers_stop(path, heard):
    provider = await restarted(path, heard)
    await provider.submit(sms("+4530999914"))
    await provider.stop()
    (answer,) = [event for event in heard.events if isinstance(event, InboundSms)]
    assert (answer.from_number, answer.to_number, answer.text) == ("+4530999914", OURS, "STOP")


async def test_magic_can_be_switched_off(path, heard):
    provider = SimulatorProvider("simulator", {"path": str(path), "magic": False, "report_delay": 0})
    await provider.start(heard)
    for digits in MAGIC:
        assert (await provider.submit(sms(f"+4530{digits}", ident=f"M{digits}.1"))).outcome is Outcome.ACCEPTED
    await provider.stop()
    assert heard.statuses() == [DELIVERED] * len(MAGIC)


# --- listening -----------------------------------------------------------------------------------------------------


async def test_listeners_hear_both_directions_and_the_end(path, heard):
    provider = await restarted(path, heard)
    async with provider.live() as entries:
        await provider.submit(sms(PHONE, "ud"))
        await provider.inbound(PHONE, OURS, "ind")
        await provider.stop()
        told = [entries.get_nowait() for _ in range(3)]
    assert [(entry.get("kind"), entry.get("text")) for entry in told] == [
        ("received", "ud"),
        ("sent", "ind"),
        (None, None),
    ]


async def test_a_listener_that_does_not_keep_up_is_sent_away(simulator, monkeypatch):
    monkeypatch.setattr("gateway.providers.simulator._BEHIND", 5)
    async with simulator.live() as slow:
        for number in range(9):
            await simulator.submit(sms(PHONE, str(number), ident=f"M{number}.1"))
        assert [slow.get_nowait().get("text") for _ in range(slow.qsize())] == ["1", "2", "3", "4", None]
    assert not simulator._listeners


@pytest.mark.proves("never sent again blindly")
async def test_an_sms_that_is_submitted_again_is_known_again(simulator):
    for attempts in range(3):
        result = await simulator.submit(sms("+4530643064", attempts=attempts))
        assert result.outcome is Outcome.ACCEPTED
    await simulator.submit(sms("+4530643064", ident="M1.2", attempts=1))
    assert [entry["id"] for entry in simulator.journal.received("+4530643064")] == ["M1.1", "M1.2"]
