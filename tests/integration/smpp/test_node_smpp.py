"""The SMPP provider against node-smpp: other people's reading of the same specification."""

from __future__ import annotations

import asyncio

import pytest
import trustme

from gateway.errors import Outcome
from gateway.providers.base import Unreachable
from gateway.providers.smpp import SmppProvider
from gateway.sms import DeliveryReport, InboundEvent, InboundPart, InboundSms, OutgoingSms, ReportStatus
from gateway.sms_text import measure
from tests.node_smsc import NodeSmsc
from tests.waiting import until

OURS, PHONE = "+456099462196", "+4530643064"
TEXTS = ["Hej Anders!\nÆØÅ @£$ {}[]~^|\\€", "Привет, это Anna", "🎉" * 40, "Hej Anders! " * 40, "ж€" * 200]


def sms(text: str) -> OutgoingSms:
    return OutgoingSms("M1.1", "o", "a", "k", OURS, PHONE, measure(text), "smsc")


class Heard(list[InboundEvent]):
    async def __call__(self, events: list[InboundEvent]) -> None:
        self.extend(events)


async def begun(smsc: NodeSmsc, heard: Heard, **options: object) -> SmppProvider:
    made = SmppProvider("smsc", {"host": "127.0.0.1", "port": smsc.port, "system_id": "firma", **options})
    await made.start(heard)
    return made


async def provider(smsc: NodeSmsc, heard: Heard, **options: object) -> SmppProvider:
    """One that is bound: a start waits for that, but for no longer than a second."""
    made = await begun(smsc, heard, **options)
    assert made._binds is not None
    await until(made._binds.least_busy, "a bind")
    return made


@pytest.mark.parametrize("long_text", ["udh8", "payload", "sar"])
async def test_node_reads_what_was_written(require, long_text):
    heard, told = Heard(), []
    with NodeSmsc(require, "--receipts") as smsc:
        ours = await provider(smsc, heard, long_text=long_text)
        for text in TEXTS:
            result = await ours.submit(sms(text))
            assert result.outcome is Outcome.ACCEPTED
            told.append((text, result.refs))
        refs = [ref for _, refs in told for ref in refs]
        await until(lambda: len(heard) == len(smsc.events("submit_sm")) == len(refs))
        await ours.stop()
    got = {piece["id"]: piece for piece in smsc.events("submit_sm")}
    for text, its_refs in told:
        pieces = [got[ref].get("payload") or got[ref]["text"] for ref in its_refs]
        assert "".join(pieces) == measure(text).text
    assert {(piece["from"], piece["to"]) for piece in got.values()} == {(OURS[1:], PHONE[1:])}
    reports = [(report.ref, report.status) for report in heard if isinstance(report, DeliveryReport)]
    assert sorted(reports) == sorted((ref, ReportStatus.DELIVERED) for ref in refs)


async def test_a_phone_writes(require):
    heard = Heard()
    with NodeSmsc(require) as smsc:
        ours = await provider(smsc, heard)
        for text in TEXTS[:2]:
            smsc.text(PHONE, OURS, text)
        for number in (2, 1):
            smsc.text(PHONE, OURS, f"del {number}", [5, 0, 3, 9, 2, number])
        await until(lambda: len(smsc.events("deliver_sm_resp")) == 4)
        assert {event["status"] for event in smsc.events("deliver_sm_resp")} == {0}
        await ours.stop()
    messages = [event for event in heard if isinstance(event, InboundSms)]
    assert [(sms.text, sms.part) for sms in messages] == [
        (TEXTS[0], None),
        (TEXTS[1], None),
        ("del 2", InboundPart("9", 2, 2)),
        ("del 1", InboundPart("9", 2, 1)),
    ]
    assert {(sms.from_number, sms.to_number) for sms in messages} == {(PHONE, OURS)}


async def test_node_with_a_certificate_of_our_own_authority(require, tmp_path):
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "smsc.pem")
    heard = Heard()
    with NodeSmsc(require, "--receipts", f"--pem={tmp_path / 'smsc.pem'}") as smsc:
        ours = await provider(smsc, heard, tls=True, ca_file=str(tmp_path / "ca.pem"), binds=2)
        assert (await ours.submit(sms("Hej"))).outcome is Outcome.ACCEPTED
        await until(lambda: heard, "a receipt")
        misled = await begun(smsc, heard, tls=True, ca_file=str(tmp_path / "stranger.pem"))
        assert (await misled.submit(sms("Hej"))).outcome is Outcome.TEMPORARY
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await misled.ping()
        await ours.stop()
        await misled.stop()
    assert len(smsc.events("submit_sm")) == 1


@pytest.mark.proves("never sent again blindly")
async def test_node_dies_in_the_middle(require):
    """What was not taken is offered again, what may have been is not, and a new one on the same port is found."""
    heard = Heard()
    with NodeSmsc(require) as smsc:
        ours = await provider(smsc, heard)
        sending = [asyncio.ensure_future(ours.submit(sms("Hej"))) for _ in range(2000)]
        await until(lambda: len(smsc.events("submit_sm")) > 100)
        smsc.kill()
        outcomes = [result.outcome for result in await asyncio.gather(*sending)]
    taken = len({event["id"] for event in smsc.events("submit_sm")})
    assert outcomes.count(Outcome.ACCEPTED) <= 2000 - outcomes.count(Outcome.TEMPORARY)
    assert outcomes.count(Outcome.UNKNOWN) <= 64
    assert taken <= outcomes.count(Outcome.ACCEPTED) + outcomes.count(Outcome.UNKNOWN)
    assert set(outcomes) <= {Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.TEMPORARY}
    with NodeSmsc(require, port=smsc.port):
        await until(ours._binds.least_busy)
        assert (await ours.submit(sms("Hej igen"))).outcome is Outcome.ACCEPTED
        await ours.stop()
