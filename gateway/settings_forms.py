"""The forms that single settings must have: domains, addresses, URLs, relays, regions.

Each function takes what was written and returns it normalised, or raises `ValueError` with words that complete
"smtp.host …": "must be a host name or an IP address". The value itself is added by whoever shows the mistake, for some
values are secret.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import unquote, urlsplit

_Item = TypeVar("_Item")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}", re.ASCII)
_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def off(value: object) -> object:
    """A listener without a port: "off", or nothing at all."""
    return None if isinstance(value, str) and value.strip().lower() in {"", "off"} else value


def _is_host_name(name: str) -> bool:
    """Letters, digits and hyphens (RFC 1123 §2.1); the last label is not a number, or it would be an address."""
    labels = name.split(".")
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels) and not labels[-1].isdigit()


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 65535


def hostname(value: str) -> str:
    """A host name, in lower case without the final dot."""
    name = value.lower().removesuffix(".")
    if not _is_host_name(name):
        raise ValueError('must be a host name ("gateway.example.com")' + _idna_hint(name))
    return name


def domain(value: str) -> str:
    """A mail domain, in lower case without the final dot."""
    name = value.lower().removesuffix(".")
    if not _is_host_name(name):
        raise ValueError('must be a mail domain ("sms.example.com")' + _idna_hint(name))
    return name


def _idna_hint(name: str) -> str:
    """A name with other letters has a form in ASCII (RFC 5891 §4.4), which is the one that configurations need."""
    if name.isascii():
        return ""
    try:
        return f": write it as '{name.encode('idna').decode()}'"
    except UnicodeError:
        return ""


def at_least_one(values: tuple[str, ...]) -> tuple[str, ...]:
    """A list that must not be empty; repetitions collapse."""
    if not values:
        raise ValueError('must name at least one mail domain (["sms.example.com"])')
    return tuple(dict.fromkeys(values))


def listen_host(value: str) -> str:
    """What a listener binds to."""
    if not (_is_ip(value) or _is_host_name(value.lower())):
        raise ValueError('must be an IP address or a host name ("127.0.0.1", "0.0.0.0" and "::" for all interfaces)')
    return value


def mail_address(value: str) -> str:
    """One bare mail address (RFC 5321 §4.1.2, without quoted local parts and address literals)."""
    local, at, name = value.rpartition("@")
    if not at or len(local) > 64 or not _LOCAL_PART.fullmatch(local) or not _is_host_name(name.lower()):
        raise ValueError('must be one mail address ("postmaster@example.com")')
    return value


def public_url(value: str) -> str:
    """Where browsers and providers reach the pages; without the final slash."""
    wanted = 'must be an address that begins with http:// or https:// ("https://sms.example.com")'
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(wanted) from error
    if parts.scheme not in {"http", "https"} or not host or not (_is_ip(host) or _is_host_name(host)):
        raise ValueError(wanted)
    if parts.query or parts.fragment or parts.username is not None or re.search(r"\s", value):
        raise ValueError("must be a plain address without user, question mark or hash sign")
    return value.rstrip("/")


def short_url(value: str) -> str:
    """What short links begin with, with the final slash; or empty."""
    return public_url(value) + "/" if value else ""


def issuer(value: str) -> str:
    """An OpenID Connect issuer, exactly as the provider writes it; "" for none. Plain http on this machine alone."""
    wanted = 'must be the https:// address that the provider calls its issuer ("https://login.example.com")'
    if not value:
        return value
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(wanted) from error
    here = host in {"127.0.0.1", "::1", "localhost"}
    if parts.scheme not in ({"https", "http"} if here else {"https"}) or not host or parts.query or parts.fragment:
        raise ValueError(wanted)
    return value


def store_url(value: str) -> str:
    """`sqlite:///FILE` or `postgresql://user@host/database`."""
    scheme, separator, rest = value.partition("://")
    if separator and scheme == "sqlite":
        return _sqlite_url(value, rest)
    if separator and scheme == "postgresql":
        return _postgresql_url(value)
    hint = ": write postgresql://" if scheme == "postgres" or scheme.startswith("postgresql+") else ""
    raise ValueError(f'must begin with sqlite:/// or postgresql:// ("sqlite:///brevdue.db"){hint}')


def _sqlite_url(value: str, rest: str) -> str:
    file = rest.partition("?")[0]
    if not file.startswith("/") or file == "/":
        raise ValueError('must name a file after three slashes ("sqlite:///brevdue.db")')
    if unquote(file) == "/:memory:":
        raise ValueError("must name a file: what is kept in memory is lost at the first restart")
    return value


def _postgresql_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError('must be like "postgresql://user@host:5432/database"') from error
    if len(parts.path) < 2:
        raise ValueError('must name the database ("postgresql://user@host/brevdue")')
    return value


def relay(value: str) -> str:
    """How mail leaves: a smarthost "host:port", "mx", or "maildir:PATH"."""
    wanted = 'must be "host:port" of a smarthost, "mx", or "maildir:PATH"'
    if value == "mx":
        return value
    kind, _, rest = value.partition(":")
    if kind == "maildir":
        if not rest:
            raise ValueError('must name the directory ("maildir:brevdue-mail")')
        return value
    host, _, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]") and _is_ip(host[1:-1])
    if not _is_port(port) or not (bracketed or _is_host_name(host.lower()) or (_is_ip(host) and ":" not in host)):
        raise ValueError(wanted)
    return value


def dns_server(value: str) -> str:
    """A resolver: "address", "address:port" or "[address]:port"."""
    host, _, port = value.rpartition(":")
    with_port = _is_port(port) and _is_ip(host.removeprefix("[").removesuffix("]")) and (":" not in host or "[" in host)
    if not (_is_ip(value) or with_port):
        raise ValueError('must be an IP address, with or without port ("192.0.2.53", "192.0.2.53:5353")')
    return value


def region(value: str) -> str:
    """An ISO 3166-1 code whose numbering plan is known."""
    from phonenumbers import SUPPORTED_REGIONS

    code = value.upper()
    if code not in SUPPORTED_REGIONS:
        hint = ": the United Kingdom is 'GB'" if code == "UK" else ""
        raise ValueError(f'must be a country code of two letters ("DK", "GB"){hint}')
    return code


def timezone(value: str) -> str:
    """The IANA name of a time zone, or nothing."""
    if value:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError('must be a time zone by its IANA name ("Europe/Moscow"), or empty') from None
    return value


_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]")


def hours(value: str) -> str:
    """From one time of the day to another, or nothing."""
    written = value.replace(" ", "")
    if written and (not _HOURS.fullmatch(written) or written[:5] == written[6:]):
        raise ValueError('must be two times of the day ("21:00-08:00"), or empty')
    return written


def country(value: str) -> str:
    """A country whose phones are meant, "001" for phones of no country."""
    return value if value == "001" else region(value)


def countries(values: tuple[str, ...]) -> tuple[str, ...]:
    """Countries, "near" for those around; or "any" alone."""
    if "any" in values:
        if len(values) > 1:
            raise ValueError('must be countries (["DK", "SE"]), or ["any"] alone')
        return values
    return tuple(dict.fromkeys(value if value == "near" else country(value) for value in values))


def priced(values: dict[str, int]) -> dict[str, int]:
    """What a part costs by country, "other" for those not named."""
    return {name if name == "other" else country(name): cost for name, cost in values.items()}


def way(value: object) -> object:
    """A provider's name alone stands for a way without anything else."""
    return {"provider": value} if isinstance(value, str) else value


def at_least_one_way(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """A route that leads somewhere."""
    if not values:
        raise ValueError('must name at least one provider (["acme"])')
    return values


def sender(value: str) -> str:
    """A name, a number or a short code; "" for none."""
    from gateway.routing.senders import check_sender

    return check_sender(value) if value else value


def route_name(value: str) -> str:
    """A name for logs and explanations."""
    if not (1 <= len(value) <= 64) or not value.isprintable() or value != value.strip():
        raise ValueError("must be 1-64 printable characters")
    return value


def prefix(value: str) -> str:
    """What numbers in E.164 begin with."""
    if not _PREFIX.fullmatch(value):
        raise ValueError('must be how numbers begin, with their country code ("+4530", "+46")')
    return value


def organisation(value: str) -> str:
    """The id of an organisation: its name may change."""
    if not _ID.fullmatch(value):
        raise ValueError("must be an id of 26 letters and digits, as 'brevdue org list' shows it")
    return value


def price_list(values: dict[str, float]) -> dict[str, float]:
    """Prices by prefix ("+4520"), country ("DK") or "other"."""
    if not values or min(values.values()) < 0:
        raise ValueError('must hold prices of at least 0 ({ DK = 0.04, "+4520" = 0.03, other = 0.09 })')
    return {
        name if name == "other" or _PREFIX.fullmatch(name) else country(name): price for name, price in values.items()
    }


def currency(value: str) -> str:
    """ISO 4217."""
    if not _CURRENCY.fullmatch(value.upper()):
        raise ValueError('must be a currency of three letters ("EUR", "DKK")')
    return value.upper()


def subject_tag(value: str) -> str:
    """What stands in brackets at the head of a Subject; it must be found again in the answer."""
    if not (1 <= len(value) <= 20) or not value.isprintable() or value != value.strip() or set(value) & set("[]"):
        raise ValueError("must be 1-20 printable characters without brackets")
    return value


def provider_name(value: str) -> str:
    """A name for log lines, addresses of webhooks and the pool."""
    if not _PROVIDER_NAME.fullmatch(value):
        raise ValueError("must be letters, digits, dots, hyphens and underscores, at most 64")
    return value


def sms_answer(value: str) -> str:
    """A text that is sent by SMS; empty for none."""
    text = value.strip()
    if len(text) > 459 or any(letter < " " and letter != "\n" for letter in text):
        raise ValueError("must be a text of at most 459 characters, or empty for no answer")
    return text


MOST_DAYS = 36_500
FEWEST_METADATA_DAYS = 30
"""Until then providers, mail servers and people may come back to a message, and must find it."""


def texts_days(value: int) -> int:
    """For how many days texts are kept; 0 for ever."""
    if not 0 <= value <= MOST_DAYS:
        raise ValueError(f"must be a number of days from 1 to {MOST_DAYS}, or 0 to keep texts for ever")
    return value


def metadata_days(value: int) -> int:
    """For how many days the rows around texts are kept; 0 for ever."""
    if value and not FEWEST_METADATA_DAYS <= value <= MOST_DAYS:
        raise ValueError(f"must be a number of days from {FEWEST_METADATA_DAYS} to {MOST_DAYS}, or 0 to keep for ever")
    return value
