"""What a recipient address means: a key, a phone number, one of our roles, or the return path of our own mail.

In: the address of a RCPT command, without angle brackets, and our mail domains. Out: a `LocalAddress`, or the Refusal
that the client is given: not_our_domain, no_such_recipient, bad_number, bad_address_syntax.
Sources: RFC 5321 §4.1.2 (syntax), §4.5.1 (postmaster), appendix C (source routes are ignored), RFC 2142 (abuse),
RFC 6531 (addresses outside ASCII).

Promises: nothing here knows which keys or accounts exist, so nothing here can tell. Relay tricks (`x%y@`, `x!y@`,
address literals) name no recipient of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache

import idna
from email_validator import EmailSyntaxError, validate_email

from gateway import errors
from gateway.model import AddressKind, LocalAddress
from gateway.numbers import NumberError, could_be_number, to_e164

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)")
_SOURCE_ROUTE = re.compile(r"@[^\s,:@]+(?:,@[^\s,:@]+)*:")
_QUOTED_PAIR = re.compile(r"\\(.)")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f<>\u2028\u2029]")
_KEY = re.compile(r"([0-9a-fA-F]{32})(?:\+.*)?")
_RETURN_PATH = re.compile(r"[bB]-([A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_=-]+)*)")
_LEAVE = re.compile(r"[uU]-([A-Za-z0-9]+)")
_ROLES = {
    "subscribe": AddressKind.SUBSCRIBE,
    "unsubscribe": AddressKind.UNSUBSCRIBE,
    "campaign": AddressKind.CAMPAIGN,
    "postmaster": AddressKind.OPERATOR,
    "abuse": AddressKind.OPERATOR,
}
_MAX_ADDRESS, _MAX_LOCAL = 254, 64
"""Octets (RFC 5321 §4.5.3.1)."""
_FEWEST_DIGITS, _MOST_DIGITS = 4, 20
"""The shortest national mobile number of the world; 15 digits of E.164 behind the longest dialling prefix."""


def read_recipient(
    address: str,
    domains: Collection[str],
    return_path_ok: Callable[[str], bool] | None = None,
    leave_ok: Callable[[str], bool] | None = None,
) -> LocalAddress:
    """Understand one recipient address of ours.

    The value of a number is its local part, unquoted. A `+detail` behind a key or a role is allowed and ignored.
    `return_path_ok` says whether a return-path token is one that we made, `leave_ok` the same of one that unsubscribes;
    without it every well-formed token passes.
    Raises Refusal.
    """
    local, domain = _take_apart(address)
    if domain is None:
        if local.lower() == "postmaster":
            return LocalAddress(AddressKind.OPERATOR, "postmaster", address)
        raise errors.bad_address_syntax()
    if not _is_ours(domain, domains):
        raise errors.not_our_domain()
    kind, value = _meaning(local)
    if kind is AddressKind.RETURN_PATH and return_path_ok is not None and not return_path_ok(value):
        raise errors.no_such_recipient()
    if kind is AddressKind.LEAVE and leave_ok is not None and not leave_ok(value):
        raise errors.no_such_recipient()
    return LocalAddress(kind, value, address)


def return_path(token: str, domain: str) -> str:
    """The envelope sender of a mail of ours, to which its bounces come back.

    The token keeps its case on the way, as RFC 5321 §2.4 asks; some servers lower it all the same.
    Raises ValueError when the token cannot stand in a local part.
    """
    local = f"b-{token}"
    if not _RETURN_PATH.fullmatch(local) or len(local) > _MAX_LOCAL:
        raise ValueError("a return-path token is 1 to 62 letters, digits, '-', '_', '=' or single dots")
    return f"{local}@{domain}"


def leave_address(token: str, domain: str) -> str:
    """Where somebody writes who wants no more mail of campaigns. Raises ValueError when the token does not fit."""
    local = f"u-{token}"
    if not _LEAVE.fullmatch(local) or len(local) > _MAX_LOCAL:
        raise ValueError("a token that unsubscribes is 1 to 62 letters and digits")
    return f"{local}@{domain}"


def _take_apart(address: str) -> tuple[str, str | None]:
    """The local part without quotes, and the domain; None where there is none. Raises Refusal on bad syntax."""
    plain = _PLAIN.fullmatch(address)
    if plain and len(address) <= _MAX_ADDRESS and len(plain[1]) <= _MAX_LOCAL:
        return plain[1], plain[2]
    if "@" not in address and len(address) <= _MAX_LOCAL:
        return address, None
    bare = _SOURCE_ROUTE.sub("", address, count=1) if address.startswith("@") else address
    local, _, domain = bare.rpartition("@")
    if _FORBIDDEN.search(bare) or not _fits(local, bare):
        raise errors.bad_address_syntax()
    domain = domain.removesuffix(".")
    try:
        validate_email(
            f"{local}@{domain}",
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
        )
    except EmailSyntaxError as error:
        raise errors.bad_address_syntax() from error
    if local.startswith('"'):
        local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
    return local, domain


def _fits(local: str, address: str) -> bool:
    """Sizes count octets, so that letters outside ASCII weigh what they weigh on the wire."""
    octets = "surrogatepass"
    return (
        len(address) <= _MAX_ADDRESS
        and 0 < len(local.encode("utf-8", octets)) <= _MAX_LOCAL
        and len(address.encode("utf-8", octets)) <= _MAX_ADDRESS
    )


def _is_ours(domain: str, domains: Collection[str]) -> bool:
    if domain in domains:
        return True
    if not domain.isascii() and all(own.isascii() and "xn--" not in own.lower() for own in domains):
        return False  # encoding it would cost more than anybody should be able to ask for
    wanted = _canonical(domain)
    return any(_canonical(own) == wanted for own in domains)


@lru_cache(maxsize=1024)
def _canonical(domain: str) -> str:
    """A-labels in lower case, so that `BLÅBÆR.dk` and `xn--blbr-roah.dk` are one."""
    lowered = domain.lower().removesuffix(".")
    if lowered.isascii():
        return lowered
    try:
        return idna.encode(lowered, uts46=True).decode("ascii")
    except idna.IDNAError:
        return lowered


def _meaning(local: str) -> tuple[AddressKind, str]:
    key = _KEY.fullmatch(local)
    if key:
        return AddressKind.KEY, key[1].lower()
    if could_be_number(local):
        if _hopeless(local):
            raise errors.bad_number(local)
        return AddressKind.NUMBER, local
    role = local.partition("+")[0].lower()
    if role in _ROLES:
        return _ROLES[role], role
    token = _RETURN_PATH.fullmatch(local)
    if token:
        return AddressKind.RETURN_PATH, token[1]
    leaving = _LEAVE.fullmatch(local)
    if leaving:
        return AddressKind.LEAVE, leaving[1]
    raise errors.no_such_recipient()


def _hopeless(local: str) -> bool:
    """Whether no region could read this number. The region is the organisation's and not known yet."""
    digits = "".join(filter(str.isdigit, local))
    if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
        return True
    if "+" not in local and not digits.startswith("00"):
        return False
    try:
        to_e164(local, "ZZ")
    except NumberError:
        return True  # with a country code of its own a number means the same everywhere
    return False
