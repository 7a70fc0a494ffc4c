"""What becomes of messages while the message centre does whatever it likes: its own book is the witness."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from gateway.errors import Outcome
from gateway.providers.smpp import SmppProvider
from gateway.smpp.pdu import Command, Status, frame
from gateway.sms import InboundEvent, LateAnswer, OutgoingSms
from gateway.sms_text import measure
from tests.smsc import Smsc, Submit

MESSAGES = 150


class Chaos:
    """Takes parts or does not, answers or does not, and writes down what it took."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.taken: Counter[tuple[str, int]] = Counter()
        self.calm = False

    def take(self, submit: Submit) -> None:
        part = submit.message.text[5] if submit.message.esm_class & 0x40 else 1
        self.taken[submit.message.dest.digits, part] += 1

    def __call__(self, submit: Submit) -> None:
        loop = asyncio.get_running_loop()
        fate = "take" if self.calm else self.dice.choices(FATES, WEIGHTS)[0]
        match fate:
            case "take":
                self.take(submit)
                submit.accept()
            case "take late":
                self.take(submit)
                loop.call_later(self.dice.choice((0.05, 0.2, 0.6)), submit.accept)
            case "take silently":
                self.take(submit)
            case "refuse":
                submit.answer(self.dice.choice((Status.ESME_RSYSERR, Status.ESME_RINVDSTADR, 0x0401)))
            case "throttle":
                submit.answer(Status.ESME_RTHROTTLED)
            case "hang up":
                submit.session.abort()
            case "take and hang up":
                self.take(submit)
                submit.accept()
                submit.session.close()
            case "unbind":
                self.take(submit)
                submit.session.send(frame(Command.UNBIND, 1))
                submit.accept()
            case "nonsense":
                submit.session.send(b"\0\0\0\x01nonsense")


FATES = (
    "take",
    "take late",
    "take silently",
    "refuse",
    "throttle",
    "hang up",
    "take and hang up",
    "unbind",
    "nonsense",
)
WEIGHTS = (300, 40, 4, 6, 1, 2, 2, 2, 1)


def message(number: int) -> OutgoingSms:
    """Every third has three parts; each goes to a phone of its own."""
    text = measure("Hej" if number % 3 else "Hej Anders! " * 30)
    return OutgoingSms(f"M{number}.1", "o", "a", "k", "+456099462196", f"+4530{number:06}", text, "smsc")


@pytest.mark.proves("never sent again blindly")
@pytest.mark.parametrize("seed", range(3))
async def test_every_outcome_is_true(seed):
    chaos = Chaos(seed)
    late: list[LateAnswer] = []

    async def hear(events: Sequence[InboundEvent]) -> None:
        late.extend(event for event in events if isinstance(event, LateAnswer))
        assert len(late) >= len(events), "nothing else comes in here"

    async with Smsc() as smsc:
        smsc.on_submit = chaos
        options = {"host": "127.0.0.1", "port": smsc.port, "system_id": "firma", "binds": 2, "window": 8}
        provider = SmppProvider("smsc", {**options, "response_timeout": 0.4, "long_text": "udh8"})
        await provider.start(hear)
        waiting = list(range(MESSAGES))
        outcomes: dict[int, Outcome] = {}
        named: dict[int, set[int]] = {}
        tries = 0
        while waiting:
            tries += 1
            chaos.calm = tries > 8
            now, waiting = waiting[:60], waiting[60:]
            results = await asyncio.gather(*(provider.submit(message(number)) for number in now))
            for number, result in zip(now, results, strict=True):
                outcomes[number] = result.outcome
                named[number] = {part for part, ref in enumerate(result.refs, 1) if ref}
                if result.outcome is Outcome.TEMPORARY:
                    waiting.append(number)
            if Outcome.TEMPORARY in {result.outcome for result in results}:
                await asyncio.sleep(0.3)  # as a dispatcher would, only sooner
        await provider.stop()
    assert set(chaos.taken.values()) == {1}, "no part is taken twice"
    for number, outcome in outcomes.items():
        taken = sum(phone == f"4530{number:06}" for phone, _ in chaos.taken)
        if outcome is Outcome.ACCEPTED:
            assert taken == message(number).text.parts
        elif outcome is Outcome.PERMANENT:
            assert taken == 0
    for answer in late:
        number = int(answer.message_id.removeprefix("M").removesuffix(".1"))
        assert outcomes[number] is Outcome.UNKNOWN
        assert answer.total == message(number).text.parts
        assert answer.part not in named[number]
        assert chaos.taken[f"4530{number:06}", answer.part] == 1, "what is answered late was taken"
        named[number].add(answer.part)
    assert late
    assert Counter(outcomes.values())[Outcome.ACCEPTED] > MESSAGES / 2
    assert Outcome.UNKNOWN in outcomes.values()
