"""Alignment: whether one domain speaks for another.

Comes in: the domain in From and a domain that DKIM, SPF or ARC has authenticated. Goes out: whether they belong
together, by the public suffix list and the From domain's DMARC record (RFC 7489 §3.1, §3.2).
Promises: a public suffix ("co.uk") never speaks for the names below it; "example.com.evil.net" and "evilexample.com"
are strangers to "example.com".
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import dmarc
import dns.exception
import dns.name
from publicsuffixlist import PublicSuffixList

from gateway.dns import NoSuchRecordError, Resolver

_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)


class Alignment(StrEnum):
    """How near two domains are."""

    EXACT = "exact"
    ORGANISATION = "organisation"
    """Different names of one organisational domain: enough unless the From domain asks for strict alignment."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class AlignmentModes:
    """What a DMARC record asks for; relaxed where there is none (RFC 7489 §6.3)."""

    strict_dkim: bool = False
    strict_spf: bool = False


def ascii_domain(domain: str) -> str | None:
    """Write a domain in lower-case A-labels without the final dot; None where it cannot be a domain name.

    Internationalised names follow IDNA 2008, which keeps "ß" apart from "ss".
    """
    name = domain.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_UTS_46).to_text(omit_final_dot=True)
        except (dns.exception.DNSException, UnicodeError):
            return None
    return name if _NAME.fullmatch(name) else None


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organisational_domain(domain: str) -> str | None:
    """Find the registered domain above a name in A-labels; None for a public suffix and for a single label."""
    found = _public_suffixes().privatesuffix(domain)
    return str(found) if found else None


def alignment(from_domain: str, other: str) -> Alignment:
    """Compare two domains in A-labels."""
    if from_domain == other:
        return Alignment.EXACT
    organisation = organisational_domain(from_domain)
    if organisation is not None and organisation == organisational_domain(other):
        return Alignment.ORGANISATION
    return Alignment.NONE


async def alignment_modes(resolver: Resolver, from_domain: str) -> AlignmentModes:
    """Look up the DMARC record of a From domain, else of its organisational domain (RFC 7489 §6.6.3).

    Raises NoAnswerError when DNS does not answer.
    """
    places = dict.fromkeys((from_domain, organisational_domain(from_domain) or from_domain))
    for place in places:
        try:
            texts = await resolver.txt(f"_dmarc.{place}")
        except NoSuchRecordError:
            continue
        records = [text.decode("ascii", "replace") for text in texts if re.match(rb"v=DMARC1\s*(?:;|\Z)", text)]
        if records:
            # Several records mean that none counts; the search ends here all the same.
            return _modes(records[0], from_domain) if len(records) == 1 else AlignmentModes()
    return AlignmentModes()


def _modes(record: str, from_domain: str) -> AlignmentModes:
    policy = dmarc.Policy("DMARC1", from_domain)
    # A record without a valid p= still says how strictly its owner wants to be matched: the wish is kept.
    with suppress(dmarc.RecordSyntaxError):
        policy.parse_record(record, strict=False)
    strict = dmarc.DMARCAlignment.STRICT
    return AlignmentModes(strict_dkim=policy.adkim is strict, strict_spf=policy.aspf is strict)
