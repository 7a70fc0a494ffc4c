"""Several messages in one HTTP call: one result each, in order, whatever became of the call.

An adapter says which call hands some messages over, and what its answer says of each. What was cut off is unknown for
all of them; what surely did not leave is temporary. An answer that is about the call as a whole counts for all, save
one: a call that was refused for good says not whose fault it was, and has taken nothing, so each of its messages is
handed over alone.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from gateway.errors import Outcome
from gateway.providers.http_call import Answer, Call
from gateway.providers.http_client import CutOff, NotMade
from gateway.providers.options import ConnectionOptions, DoorOptions
from gateway.providers.vendor import HttpVendor
from gateway.sms import OutgoingSms, SubmitResult

Messages = Sequence[OutgoingSms]


class BatchingVendor(HttpVendor):
    """A vendor that takes several messages in one call."""

    one_a_phone = False
    """Whether a call may name a phone once only: a second message to it leaves in a second call, after the first."""

    def __init__(self, name: str, options: ConnectionOptions, door: DoorOptions | None, batch: int) -> None:
        super().__init__(name, options, door)
        self.batch = batch
        self.window = max(options.connections, 2 * batch)

    async def submit(self, message: OutgoingSms) -> SubmitResult:
        """Try once to hand over one message."""
        return (await self.submit_many([message]))[0]

    async def submit_many(self, messages: Messages) -> Sequence[SubmitResult]:
        """Try once to hand over several, in as few calls as the vendor allows."""
        results: dict[str, SubmitResult] = {}
        for calls in self._turns(messages):
            said = await asyncio.gather(*(self._hand_over(together) for together in calls))
            for together, each in zip(calls, said, strict=True):
                results |= zip((message.id for message in together), each, strict=True)
        return [results[message.id] for message in messages]

    @abstractmethod
    def call(self, messages: Messages) -> Call:
        """The call that hands messages over."""

    @abstractmethod
    def read(self, messages: Messages, answer: Answer) -> SubmitResult | Sequence[SubmitResult]:
        """What an answer says: of each message, in order, or of the call as a whole."""

    def expected(self, message: OutgoingSms) -> tuple[str, ...]:  # noqa: ARG002 - for vendors who know our ids
        """Ids by which reports will name a message even where no answer was read."""
        return ()

    def alike(self, message: OutgoingSms) -> str:  # noqa: ARG002 - for vendors whose calls say something once for all
        """What all messages of one call must have in common."""
        return ""

    async def _hand_over(self, messages: Messages) -> Sequence[SubmitResult]:
        try:
            answer = await self.client.ask(self.call(messages))
        except NotMade as error:
            return [SubmitResult(Outcome.TEMPORARY, cause=str(error))] * len(messages)
        except CutOff as error:
            return self._for_all(SubmitResult(Outcome.UNKNOWN, cause=str(error)), messages)
        said = self.read(messages, answer)
        if not isinstance(said, SubmitResult):
            return said
        if said.outcome is Outcome.PERMANENT and len(messages) > 1:
            alone = await asyncio.gather(*(self._hand_over([message]) for message in messages))
            return [result for (result,) in alone]
        return self._for_all(said, messages)

    def _for_all(self, said: SubmitResult, messages: Messages) -> list[SubmitResult]:
        if said.outcome is not Outcome.UNKNOWN:
            return [said] * len(messages)
        return [replace(said, refs=self.expected(message)) for message in messages]

    def _turns(self, messages: Messages) -> list[list[list[OutgoingSms]]]:
        """Calls that may be made at one time, turn after turn, each with messages that may stand in it together."""
        turns: list[dict[str, list[OutgoingSms]]] = []
        before: Counter[str] = Counter()
        for message in messages:
            turn = before[message.to_number] if self.one_a_phone else 0
            before[message.to_number] += 1
            if turn == len(turns):
                turns.append({})
            turns[turn].setdefault(self.alike(message), []).append(message)
        return [list(calls.values()) for calls in turns]
