"""An employee's mail address: whether it can be one (RFC 5321 §4.1.2, RFC 6531), and the form that tells two apart.

Addresses inside a company often end in `.local` or have no dot at all, so names that no public mail server would
take are fine here.
"""

from __future__ import annotations

import unicodedata

import email_validator

from gateway.proof.alignment import ascii_domain
from gateway.registry.errors import BadAddress

for _name in ("local", "localhost", "test"):
    # The library's own way to allow a special-use name.
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)


def valid_address(email: str) -> str:
    """The address as it is to be written. Raises BadAddress with the reason."""
    try:
        checked = email_validator.validate_email(
            email.strip(), check_deliverability=False, globally_deliverable=False, allow_quoted_local=True
        )
    except email_validator.EmailNotValidError as error:
        raise BadAddress(f"'{email[:254]}' is not a mail address: {error}") from error
    return checked.normalized


def fold_email(email: str) -> str:
    """The form in which addresses are compared: both parts without case, the domain in A-labels (RFC 5890)."""
    local, _, domain = email.strip().rpartition("@")
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())
    return f"{folded}@{ascii_domain(domain) or domain.lower()}"
