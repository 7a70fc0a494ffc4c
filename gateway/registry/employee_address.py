"""An employee's mail address: whether it can be one (RFC 5321 §4.1.2, RFC 6531), and the form that tells two apart.

Addresses inside a company often end in `.local` or have no dot at all, so names that no public mail server would
take are fine here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import email_validator

from gateway.proof.alignment import ascii_domain
from gateway.registry.errors import BadAddress

for _name in ("local", "localhost", "test"):
    # The library's own way to allow a special-use name.
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)


def valid_address(email: str, own_domains: Sequence[str] = ()) -> str:
    """The address as it is to be written. Raises BadAddress with the reason, also for addresses of the SMS domains."""
    try:
        checked = email_validator.validate_email(
            email.strip(), check_deliverability=False, globally_deliverable=False, allow_quoted_local=True
        )
    except email_validator.EmailNotValidError as error:
        raise BadAddress(f"'{email[:254]}' is not a mail address: {error}") from error
    domain = ascii_domain(checked.domain)
    if any(domain == ascii_domain(own) for own in own_domains):
        raise BadAddress(f"'{email[:254]}' is an address of this gateway, not an employee's own")
    return checked.normalized


def fold_email(email: str) -> str:
    """The form in which addresses are compared: both parts without case, the domain in A-labels (RFC 5890)."""
    local, _, domain = email.strip().rpartition("@")
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())
    return f"{folded}@{ascii_domain(domain) or domain.lower()}"
