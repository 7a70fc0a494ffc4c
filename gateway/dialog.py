"""What somebody wrote, read: whom it goes to and what it says (D8-D10, D12). Pure.

In: a parsed mail, or what was typed into a form; the account's region and habits. Out: its targets in the order in
which they were named, and the text with its parts; or the Refusal that explains why nothing can go.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway import errors
from gateway.address import read_recipient
from gateway.errors import Refusal
from gateway.model import Account, AddressKind, LocalAddress, ParsedMail
from gateway.numbers import NumberError, country_of, from_local_part, to_e164
from gateway.quotes import split_signature
from gateway.sms import SmsText
from gateway.sms_text import describe_forced, prepare
from gateway.subject import read_subject

_BETWEEN = re.compile(r"[,;|\n\r]")
"""Stands between two phones in a form."""


class Problem(StrEnum):
    """Why no SMS goes to a target."""

    BAD_NUMBER = "bad-number"
    OPTED_OUT = "opted-out"
    COUNTRY = "country"
    """In a country that the organisation does not send to."""


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient as a person named it: with a phone (E.164), or with the problem that keeps it from being one."""

    written: str
    phone: str | None = None
    problem: Problem | None = None
    address: LocalAddress | None = None
    """The number address that named it; None where the subject or a reference did."""


def our_addresses(
    envelope: Sequence[LocalAddress], headers: Sequence[str], domains: Collection[str]
) -> tuple[LocalAddress, ...]:
    """Every address of ours that a mail names, in the envelope or in To and Cc.

    A mail server may deliver the key address and the number address in two transactions; the header is the same in
    both, so both read the same recipients and the second finds its message already there.
    """
    named = {(address.kind, address.value): address for address in envelope}
    for header in headers:
        try:
            address = read_recipient(header, domains)
        except Refusal:
            continue  # somebody else's address, or one that its own RCPT was refused for
        named.setdefault((address.kind, address.value), address)
    return tuple(named.values())


def targets_of(mail: ParsedMail, addresses: Sequence[LocalAddress], region: str, tag: str) -> tuple[Target, ...]:
    """Read the targets from the Subject and from the number addresses; what the person sees comes first.

    A forwarded SMS that names other targets goes to them alone: its sender must not read what is said about it.
    """
    subject = read_subject(mail.subject, region, tag)
    named = [Target(phone, phone) for phone in subject.numbers]
    named += [Target(error.text, problem=Problem.BAD_NUMBER) for error in subject.rejected]
    named += [_addressed(address, region) for address in addresses if address.kind is AddressKind.NUMBER]
    if subject.answer is None or (subject.forwarded and named):
        return tuple(named)
    return (Target(subject.answer, subject.answer), *named)


def _addressed(address: LocalAddress, region: str) -> Target:
    try:
        return Target(address.value, from_local_part(address.value, region), address=address)
    except NumberError:
        return Target(address.value, problem=Problem.BAD_NUMBER, address=address)


def abroad(targets: Sequence[Target], countries: Collection[str] | None) -> tuple[str, ...]:
    """The targets' phones that are in none of the countries (ISO 3166); None allows all."""
    if countries is None:
        return ()
    return tuple(phone for phone in phones_of(targets) if country_of(phone) not in countries)


def without_abroad(targets: Sequence[Target], phones: Collection[str]) -> tuple[Target, ...]:
    """Mark the targets with these phones as being in countries that are not written to."""
    return tuple(replace(target, problem=Problem.COUNTRY) if target.phone in phones else target for target in targets)


def without_opted_out(targets: Sequence[Target], opted_out: Collection[str]) -> tuple[Target, ...]:
    """Mark the targets whose phones have said STOP."""
    return tuple(
        replace(target, problem=Problem.OPTED_OUT) if target.phone in opted_out else target for target in targets
    )


def phones_of(targets: Sequence[Target]) -> tuple[str, ...]:
    """The phones that an SMS goes to, in order, none twice."""
    return tuple(dict.fromkeys(target.phone for target in targets if target.phone and not target.problem))


def refusal_of(target: Target) -> Refusal:
    """What a client is told about a target with a problem."""
    match target.problem:
        case Problem.OPTED_OUT:
            return errors.opted_out(1)
        case Problem.COUNTRY:
            return errors.country_not_allowed(target.written, country_of(target.phone or ""))
        case _:
            return errors.bad_number(target.written)


def text_of(mail: ParsedMail, account: Account, *, max_parts: int, smart: bool) -> SmsText:
    """The text as it will leave; refused when empty or longer than `max_parts` SMS parts."""
    own = split_signature(mail.text)[0] if account.cut_signature else mail.text
    own = own.strip("\n ")
    if not own:
        raise errors.empty_text()
    return _short_enough(prepare(own, smart=smart), max_parts)


def written_text(written: str, *, max_parts: int, smart: bool) -> SmsText:
    """The same for a text that somebody typed into a form."""
    own = written.strip()
    if not own:
        raise errors.no_text()
    return _short_enough(prepare(own, smart=smart), max_parts)


def _short_enough(text: SmsText, max_parts: int) -> SmsText:
    if text.parts > max_parts:
        raise errors.too_many_parts(text.parts, max_parts, describe_forced(text))
    return text


def written_targets(phones: Iterable[str], region: str, most: int) -> tuple[Target, ...]:
    """Read phones as people type or paste them, with commas, semicolons or line ends between; none twice.

    Refused where there are none, or more than `most`.
    """
    pieces = [piece for written in phones for piece in map(str.strip, _BETWEEN.split(written)) if piece]
    if not pieces:
        raise errors.no_phone_named()
    if len(pieces) > most:
        raise errors.too_many_recipients(most)
    named: dict[str, Target] = {}
    for target in (_typed(piece, region) for piece in pieces):
        named.setdefault(target.phone or target.written, target)
    return tuple(named.values())


def _typed(written: str, region: str) -> Target:
    try:
        return Target(written, to_e164(written, region))
    except NumberError:
        return Target(written, problem=Problem.BAD_NUMBER)


def dedupe_key(account_id: str, identity: str, phone: str) -> str:
    """What makes a second copy of a draft the same SMS: the account, the draft's identity, the phone."""
    whole = f"{account_id}\0{identity}\0{phone}"
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
