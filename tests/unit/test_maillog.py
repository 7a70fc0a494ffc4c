"""The log: what a line looks like, what never stands in one, when it is written and what it costs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from gateway import maillog
from gateway.log_lines import LogLines, to_descriptor
from gateway.maillog import Event
from gateway.model import ProofMethod
from gateway.sms import Encoding, MessageState
from tests.log import log_into

KEY = "0123456789abcdef0123456789abcdef"
PHONE = "+4530643064"
ID = "01M8ABCDEFGHJKMNPQRSTVWXYZ"


class Written(list[bytes]):
    """Every write, and the lines in them."""

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in b"".join(self).splitlines()]


@pytest.fixture
def written() -> Iterator[Written]:
    writes = Written()
    with log_into(writes.append):
        yield writes


def test_a_line_has_event_level_time_and_fields(written):
    maillog.note(Event.MAIL_ACCEPTED, id=ID, proof=ProofMethod.TRUSTED, phones=2, ports={"smtp": 25}, ip=None)
    (line,) = written.lines()
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {
        "event": "mail-accepted",
        "level": "info",
        "id": ID,
        "proof": "trusted",
        "phones": 2,
        "ports": {"smtp": 25},
        "ip": None,
    }


@pytest.mark.proves("canary key")
@pytest.mark.parametrize(
    "value",
    [
        KEY,
        KEY.upper(),
        f"to {KEY}@sms.example.com",
        KEY[:-1],
        KEY[:24],
        f"key={KEY}{KEY}",
        [KEY],
        {"to": KEY},
        {KEY: "to"},
        (1, {"deep": [f"<{KEY}>"]}),
        ValueError(KEY),
        KEY.encode(),
    ],
)
def test_no_key_in_a_line(written, value):
    maillog.note(Event.MAIL_REFUSED, id=ID, cause=value)
    text = b"".join(written).decode()
    assert "[key]" in text
    assert KEY[:12] not in text.lower()


@pytest.mark.proves("canary key")
def test_no_key_in_a_traceback(written):
    try:
        raise RuntimeError(f"{KEY} and {PHONE}")
    except RuntimeError as error:
        maillog.fault(Event.FAULT, error, id=ID)
    (line,) = written.lines()
    assert "[key] and +45…64" in str(line["exception"])
    assert "Traceback" in str(line["exception"])
    assert "exc_info" not in line


@pytest.mark.parametrize(
    ("phone", "shown"),
    [(PHONE, "+45…64"), ("+45609946219651", "+45…51"), (f"from {PHONE}, again {PHONE}", "from +45…64, again +45…64")],
)
def test_phones_are_shortened(written, phone, shown):
    maillog.note(Event.SMS_RECEIVED, id=ID, phone=phone)
    assert written.lines()[0]["phone"] == shown


@pytest.mark.proves("logs name nobody")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4530643064", "…64"),
        ("30643064 is unknown", "…64 is unknown"),
        ("to=4530643064,4530643065;", "to=…64,…65;"),
        ("+4530643064: no subscriber 4530643064", "+45…64: no subscriber …64"),
    ],
)
def test_numbers_as_providers_write_them_are_shortened(written, text, shown):
    maillog.note(Event.SMS_FAILED, id=ID, cause=text)
    assert written.lines()[0]["cause"] == shown


@pytest.mark.parametrize("text", ["0.7123456789 s", "1234567", "queued as 4XkD8z12345678", "192.0.2.17:49152", ID])
def test_other_digits_are_not(written, text):
    maillog.note(Event.SMS_FAILED, id=ID, cause=text)
    assert written.lines()[0]["cause"] == text


@pytest.mark.proves("logs name nobody")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("anna@firm.example", "a…@firm.example"),
        ("550 5.1.1 <Anna.Hansen@firm.example>: unknown", "550 5.1.1 <A…@firm.example>: unknown"),
        ("SRS0=ab=cd=firm.example=anna@relay.example", "SRS0=ab=cd=firm.example=a…@relay.example"),
        ('"anna hansen"@firm.example', '"…"@firm.example'),
        ("mail_from='anna@firm.example', 'bo@firm.example'", "mail_from='a…@firm.example', 'b…@firm.example'"),
        ("å@firm.example anna@[192.0.2.1]", "å…@firm.example a…@[192.0.2.1]"),
        (f"{KEY}@sms.example.com", "[key]@sms.example.com"),
        (f"{PHONE}@sms.example.com", "+45…64@sms.example.com"),
        ("30643064@sms.example.com", "…64@sms.example.com"),
        ("postgresql://brevdue:password@db", "postgresql://brevdue:p…@db"),
        ("a|b@firm.example", "a…@firm.example"),
    ],
)
def test_of_an_address_first_letter_and_domain_are_shown(written, text, shown):
    maillog.note(Event.MAIL_REFUSED, id=ID, cause=text, mail_from=text)
    assert {written.lines()[0][name] for name in ("cause", "mail_from")} == {shown}


@pytest.mark.proves("logs name nobody")
def test_a_traceback_names_nobody(written):
    try:
        raise RuntimeError("anna@firm.example to 30643064")
    except RuntimeError as error:
        maillog.fault(Event.FAULT, error, id=ID)
    assert "RuntimeError: a…@firm.example to …64" in str(written.lines()[0]["exception"])


@pytest.mark.stopwatch
@pytest.mark.proves("hostile input costs little")
@pytest.mark.parametrize("text", ["a@", "a" * 9 + "@", '"', "+1", "1" * 9 + ".", "ab=", "0"])
def test_masking_takes_its_time_from_the_length_alone(text):
    began = time.process_time()
    maillog.redact(text * (1_000_000 // len(text)))
    assert time.process_time() - began < 2


@pytest.mark.parametrize("value", ["caf\udce9@firm.example", 2**70, ip_address("192.0.2.1"), float("nan"), object])
def test_any_value_makes_a_line(written, value):
    maillog.note(Event.MAIL_REFUSED, id=ID, cause=value)
    (line,) = written.lines()
    assert (line["id"], line["event"]) == (ID, "mail-refused")
    assert str(line["timestamp"]).endswith("Z")


def test_people_read_a_line_as_well():
    writes = Written()
    with log_into(writes.append, as_json=False):
        maillog.note(Event.SMS_REPORT, id=ID, state=MessageState.DELIVERED, phone=PHONE)
    text = b"".join(writes).decode()
    assert "sms-report" in text
    assert "+45…64" in text


# --- when lines are written ----------------------------------------------------------------------------------------


async def test_lines_of_one_turn_of_the_loop_share_a_write_in_their_order(written):
    for n in range(3):
        maillog.note(Event.SMS_SUBMITTED, id=ID, n=n)
    assert not written
    await asyncio.sleep(0)
    assert len(written) == 1
    assert [line["n"] for line in written.lines()] == [0, 1, 2]


async def test_a_warning_is_written_at_once_with_those_before_it(written):
    maillog.note(Event.SMS_SUBMITTED, id=ID, n=0)
    maillog.warn(Event.SMS_UNKNOWN, id=ID, n=1)
    assert [line["n"] for line in written.lines()] == [0, 1]


async def test_a_thread_writes_at_once(written):
    await asyncio.to_thread(maillog.note, Event.FAULT, id=ID)
    assert len(written.lines()) == 1


def test_a_loop_that_ended_holds_nothing_back(written):
    async def noted() -> None:
        asyncio.get_running_loop().call_soon(lambda: maillog.note(Event.STOPPED, n=0))

    asyncio.run(noted())
    asyncio.run(noted())
    maillog.note(Event.STOPPED, n=1)
    assert [line["n"] for line in written.lines()] == [0, 0, 1]


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(3)", "raise RuntimeError"])
def test_whatever_ends_the_program_in_order_leaves_every_line(ending):
    program = f"""
import asyncio
from gateway import maillog
from gateway.maillog import Event
maillog.configure(as_json=True, level="info")
async def main():
    for n in range(100):
        maillog.note(Event.SMS_SUBMITTED, n=n)
    {ending}
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [line["n"] for line in lines] == list(range(100))


def test_a_slow_reader_is_waited_for_and_a_gone_one_is_not():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = b"x" * 1_000_000
    child = subprocess.Popen(["wc", "-c"], stdin=reading, stdout=subprocess.PIPE)
    os.close(reading)
    lines = LogLines(to_descriptor(writing))
    lines.warning(text)
    os.close(writing)
    assert child.communicate(timeout=10)[0].strip() == b"1000001"
    lines.warning(b"nobody reads this, and nothing happens")
    lines.close()


# --- what it costs -------------------------------------------------------------------------------------------------


@pytest.mark.stopwatch
@pytest.mark.proves("CPU per mail")
async def test_a_line_costs_little():
    """Three lines of a mail on its way, as the gateway writes them; the best of several runs."""
    null, best = os.open(os.devnull, os.O_WRONLY), 1.0
    with log_into(to_descriptor(null)):
        for _ in range(7):
            began = time.process_time()
            for _ in range(2000):
                maillog.note(
                    Event.MAIL_ACCEPTED,
                    id=ID,
                    account=ID,
                    proof=ProofMethod.TRUSTED,
                    phones=1,
                    parts=1,
                    encoding=Encoding.GSM7,
                )
                maillog.note(Event.SMS_SUBMITTED, id=ID, provider="simulator", attempt=1, parts=1)
                maillog.note(Event.SMS_REPORT, id=ID, provider="simulator", state=MessageState.DELIVERED, cause="")
                await asyncio.sleep(0)
            best = min(best, (time.process_time() - began) / 6000)
    os.close(null)
    assert best < 20e-6, f"{best * 1e6:.1f} µs a line"
