"""An employee's mail address: whether it can be one (RFC 5321 §4.1.2, RFC 6531), and the form that tells two apart.

Addresses inside a company often end in `.local` or have no dot at all, so names that no public mail server would
take are fine here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from types import ModuleType

from gateway.proof.alignment import ascii_domain
from gateway.registry.errors import BadAddress
from gateway.translation import sentence

_OURS = {"local", "localhost", "test"}


@cache
def _validator() -> ModuleType:
    """The library, imported where an address is judged, that is, when an account opens."""
    import email_validator

    # The library's own way to allow a special-use name.
    email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
        name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in _OURS
    ]
    return email_validator


def valid_address(email: str, own_domains: Sequence[str] = (), *, local: bool = True) -> str:
    """The address as it is to be written. Raises BadAddress with the reason, also for addresses of the SMS domains.

    `local` ones may name a host of one's own network, by one label; others are those of somebody elsewhere.
    """
    email_validator = _validator()
    try:
        checked = email_validator.validate_email(
            email.strip(), check_deliverability=False, globally_deliverable=not local, allow_quoted_local=True
        )
    except email_validator.EmailNotValidError as error:
        raise BadAddress(
            sentence("'%(address)s' is not a mail address: write it like anna@example.com", address=email[:254])
        ) from error
    domain = ascii_domain(checked.domain)
    if any(domain == ascii_domain(own) for own in own_domains):
        raise BadAddress(
            sentence("'%(address)s' is an address of this gateway, not an employee's own", address=email[:254])
        )
    return str(checked.normalized)


def fold_email(email: str) -> str:
    """The form in which addresses are compared: both parts without case, the domain in A-labels (RFC 5890)."""
    local, _, domain = email.strip().rpartition("@")
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())
    return f"{folded}@{ascii_domain(domain) or domain.lower()}"
