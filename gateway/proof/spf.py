"""SPF (RFC 7208): may this address send mail for this domain.

Comes in: the client's address, its HELO name and the reverse path. Goes out: the verdict and the domain that it is
about. Promises: at most ten terms with look-ups and two void look-ups (§4.6.4), a deadline for the whole evaluation,
and never an exception for whatever a hostile zone holds. spftrace evaluates, our resolver asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import spftrace

from gateway import maillog
from gateway.dns import NoAnswerError, NoSuchRecordError, Resolver
from gateway.proof.alignment import ascii_domain


class SpfResult(StrEnum):
    """RFC 7208 §2.6."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    PERMERROR = "permerror"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class SpfVerdict:
    """What the domain's policy says of the address. Its own words for a fail (exp=) are a stranger's, and left out."""

    result: SpfResult
    domain: str


def spf_identity(mail_from: str, helo: str) -> str:
    """Name the domain that SPF is about: that of the reverse path, of HELO where it is null (RFC 7208 §2.4)."""
    return mail_from.rpartition("@")[2] if mail_from else helo


async def check_spf(resolver: Resolver, ip: str, mail_from: str, helo: str, *, seconds: float = 20) -> SpfVerdict:
    """Evaluate the policy of the reverse path's domain, or of HELO for the null sender, within `seconds`."""
    identity = spf_identity(mail_from, helo)
    # A name that is no domain name is left as it is: spftrace answers "none" for it (§4.3).
    domain = ascii_domain(identity) or identity
    local = mail_from.rpartition("@")[0] or "postmaster"
    evaluator = spftrace.Evaluator(_Transport(resolver), spftrace.Limits(time_limit=seconds), receiver="unknown")
    try:
        found = await evaluator.evaluate(ip, f"{local}@{domain}", ascii_domain(helo) or helo)
    except (
        Exception
    ) as fault:  # A policy that trips the evaluator up proves nothing, and must not stop the mail server.
        maillog.fault(maillog.Event.FAULT, fault, domain=domain)
        return SpfVerdict(SpfResult.PERMERROR, domain)
    return SpfVerdict(SpfResult(found.result), domain)


class _Transport(spftrace.BaseResolver):
    """Our resolver in spftrace's words: a response code and texts."""

    def __init__(self, resolver: Resolver) -> None:
        self._ask: dict[str, Callable[[str], Awaitable[list[str]]]] = {
            "TXT": lambda name: _texts(resolver, name),
            "A": lambda name: _strings(resolver.a(name)),
            "AAAA": lambda name: _strings(resolver.aaaa(name)),
            "PTR": lambda name: _strings(resolver.ptr(name)),
            "MX": lambda name: _exchangers(resolver, name),
        }

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        try:
            return "NOERROR", await self._ask[rtype](name)
        except NoSuchRecordError:
            return "NXDOMAIN", []
        except NoAnswerError:
            return "TIMEOUT", []


async def _strings(asked: Awaitable[tuple[str, ...]]) -> list[str]:
    return list(await asked)


async def _texts(resolver: Resolver, name: str) -> list[str]:
    # Octets outside ASCII become U+FFFD, which no policy may hold: a syntax error, as §4.5 wants it.
    return [text.decode("ascii", "replace") for text in await resolver.txt(name)]


async def _exchangers(resolver: Resolver, name: str) -> list[str]:
    return [exchanger.host for exchanger in await resolver.mx(name)]
