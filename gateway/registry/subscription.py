"""Whether a proven sender may open an account by mail (D5), so that a key that leaked is useless elsewhere.

In: the mail address, how it was proven, and what the key knows already. Out: yes with a domain to remember, or no.
Pure: no store, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.model import Proof, ProofMethod
from gateway.proof.alignment import ascii_domain, organisational_domain

_VOUCHED = {ProofMethod.LOGIN, ProofMethod.TRUSTED, ProofMethod.NONE}
"""Somebody inside vouches for the sender (or the operator has switched proving off): any domain may subscribe."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A verdict. `learn` is the domain that the key takes for its own from now on, on first use."""

    allowed: bool
    learn: str | None = None


def judge(email: str, proof: Proof, key_domains: Sequence[str], neighbours: Sequence[str]) -> Subscription:
    """Decide on one subscription.

    `key_domains` are the mail domains that the key was given; `neighbours` the addresses of accounts that it has.
    A proof by SPF, DKIM or ARC only says which domain a mail came from. That domain must be one of the key's; where
    the key has none, one of its accounts'; and where it has no accounts either, the first sender's becomes the key's.
    """
    if proof.method in _VOUCHED:
        return Subscription(allowed=True)
    domain = organisation_of(email)
    known = {organisation_of(each) for each in (key_domains or neighbours)}
    if known:
        return Subscription(allowed=domain in known)
    return Subscription(allowed=True, learn=domain)


def organisation_of(address: str) -> str:
    """The registered domain of a mail address or domain in A-labels; the domain itself where nothing is registered."""
    written = address.rpartition("@")[2]
    domain = ascii_domain(written)
    return written.lower() if domain is None else organisational_domain(domain) or domain
