"""Approval of large campaigns by a second person. Pure.

In: who asks for what, and what was asked before. Out: an objection, or none. Above so many contacts a start only asks;
somebody else reads the campaign, approves it or sends it back with a word. Whoever runs the machine may do both. One
that grows beyond what it was started or approved for pauses there, and goes on when somebody else lets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.translation import Sentence, sentence

LONGEST_WORD: Final = 1000
"""Characters with which a campaign is sent back."""


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who starts or approves."""

    kind: str
    """person, key, terminal."""
    id: str
    name: str
    """As people know them: a mail address, or a key's label."""
    person_id: str = ""
    """Of the person that it is, or who has made the key; empty where there is none."""

    @property
    def token(self) -> str:
        """What tells them from all others."""
        return f"{self.kind}:{self.id}"

    @property
    def owns_machine(self) -> bool:
        """Whether they give commands on the machine itself, where nothing could keep them from anything."""
        return self.kind == "terminal"


@dataclass(frozen=True, slots=True)
class Approval:
    """Who asked, for how many, and what was answered."""

    asked_by: str = ""
    """Who has started it, small or large."""
    asked_id: str = ""
    """The `Who.token`."""
    asked_person: str = ""
    """The `Who.person_id`."""
    asked_at: float | None = None
    """None where nobody asks (any more): the campaign was small, or was changed."""
    recipients: int = 0
    """Contacts of the audience when it was started, or asked for, or let go on; 0 where nobody had to count them."""
    answered_by: str = ""
    answered_at: float | None = None
    approved: bool = False
    word: str = ""
    """Why it was sent back."""

    @property
    def asked(self) -> bool:
        """Whether it waits for an approval, or has one."""
        return self.asked_at is not None and (self.approved or self.answered_at is None)


UNASKED: Final = Approval()


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody who may approve, and is told."""

    id: str
    email: str
    language: str


class Approvers(Protocol):
    """Knows who may approve."""

    async def of(self, org_id: str) -> Sequence[Approver]:
        """Everybody who may approve a campaign of this organisation."""
        ...


def is_large(recipients: int, above: int) -> bool:
    """Whether so many contacts need an approval; above 0 nothing does."""
    return bool(above) and recipients > above


def objection(approval: Approval, who: Who, asked_at: float | None = None) -> Sentence | None:
    """Why somebody cannot answer; `asked_at` is what they have read, where that is known."""
    if asked_at is not None and asked_at != approval.asked_at:
        return sentence("the campaign was changed and started anew: look at it again")
    if who.token == approval.asked_id and not who.owns_machine:
        return sentence("you have started this campaign yourself: another person has to approve it")
    return None


def objection_to_yes(approval: Approval, who: Who, asked_at: float | None = None) -> Sentence | None:
    """Why somebody cannot approve: as `objection`, and no program's key does, nor who has made the one that asks."""
    if who.kind == "key" and who.token != approval.asked_id:
        return sentence("another person has to approve it: a program's key approves nothing")
    if who.kind == "person" and approval.asked_id != who.token and approval.asked_person == who.id:
        return sentence("another person has to approve it: it was started with a key that you have made")
    return objection(approval, who, asked_at)


def with_growth(contacts: int) -> int:
    """To how many an audience of so many may have grown since somebody has seen it: groups live, by a tenth."""
    return contacts + contacts // 10


def most_contacts(started_for: int, above: int) -> int:
    """How many contacts a campaign may reach that was started or approved for so many; 0 for any number.

    As many as it may have grown to, and whatever needs no approval.
    """
    return max(above, with_growth(started_for)) if above and started_for else 0
