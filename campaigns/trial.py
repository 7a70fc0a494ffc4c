"""Several versions of a text, tried on parts of an audience before the best goes to all the others (A/B). Pure.

The first version, A, stands in a campaign's texts under languages alone, every other one under its letter and a
language: "b/" is B's common text, "b/da" the Danish one. Which contact gets which is a hash of campaign and contact, so
a run that begins again decides the same. Those who are in no part wait for the verdict, which is given once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final

FIRST: Final = "a"
VERSIONS: Final = ("a", "b", "c", "d", "e")
NEVER: Final = 253_370_764_800.0
"""The moment up to which who waits for a person's verdict waits: the year 9999."""
_OF_ALL: Final = 10_000


class Rule(StrEnum):
    """By what the best version is told."""

    CLICKS = "clicks"
    """Most contacts that have followed a link, of those who got it."""
    ANSWERS = "answers"
    """Most that have answered."""
    OPT_OUTS = "opt-outs"
    """Fewest that have said STOP, or unsubscribed."""
    DELIVERED = "delivered"
    """Most of which arrival was reported."""
    HAND = "hand"
    """Whatever somebody says."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How versions are tried."""

    share: int = 10
    """Percent of the audience that get each version first."""
    rule: Rule = Rule.HAND
    hours: float = 24.0
    """From the start to the verdict; where a person gives it, it is not looked at."""


@dataclass(frozen=True, slots=True)
class VersionFigures:
    """What became of one version's messages."""

    version: str
    sent: int = 0
    delivered: int = 0
    clicked: int = 0
    """Contacts."""
    answered: int = 0
    opted_out: int = 0

    def plus(self, other: VersionFigures) -> VersionFigures:
        """Both together, under this one's name."""
        return VersionFigures(
            self.version,
            self.sent + other.sent,
            self.delivered + other.delivered,
            self.clicked + other.clicked,
            self.answered + other.answered,
            self.opted_out + other.opted_out,
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which version the others get."""

    winner: str = ""
    """"" while nothing is decided."""
    at: float | None = None
    by: str = ""
    """Who has said so; "" for the rule."""
    figures: tuple[VersionFigures, ...] = ()
    """As they stood then."""


@dataclass(frozen=True, slots=True)
class Split:
    """A trial that is under way."""

    campaign_id: str
    versions: tuple[str, ...]
    share: int
    until: float
    """When the rule decides."""
    winner: str

    def version(self, contact_id: int) -> str | None:
        """What a contact gets; None for one that waits for the verdict."""
        digest = blake2b(f"{self.campaign_id} {contact_id}".encode(), digest_size=8).digest()
        part = int.from_bytes(digest) % _OF_ALL // (self.share * _OF_ALL // 100)
        if part < len(self.versions):
            return self.versions[part]
        return self.winner or None


def version_of(variant: str) -> str:
    """The version that a variant of a text belongs to."""
    version, slash, _ = variant.partition("/")
    return version if slash else FIRST


def language_of(variant: str) -> str:
    """Its language; "" for the common text."""
    return variant.rpartition("/")[2]


def versions_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The versions that there are texts of, by their variants."""
    return tuple(sorted({version_of(variant) for variant in texts}))


def best(rule: Rule, figures: Sequence[VersionFigures]) -> str:
    """The version that a rule prefers; the first of those that are as good, and A where nobody has got any."""
    tried = [each for each in figures if each.sent]
    if not tried:
        return FIRST

    def merit(each: VersionFigures) -> float:
        match rule:
            case Rule.CLICKS:
                return each.clicked / each.sent
            case Rule.ANSWERS:
                return each.answered / each.sent
            case Rule.OPT_OUTS:
                return -each.opted_out / each.sent
            case Rule.DELIVERED:
                return each.delivered / each.sent
            case Rule.HAND:
                return 0.0

    return max(sorted(tried, key=lambda each: each.version), key=merit).version


def by_version(by_variant: Mapping[str, VersionFigures]) -> tuple[VersionFigures, ...]:
    """Figures of variants, added up by version."""
    found: dict[str, VersionFigures] = {}
    for variant, figures in by_variant.items():
        version = version_of(variant)
        found[version] = found.get(version, VersionFigures(version)).plus(figures)
    return tuple(found[version] for version in sorted(found))
