"""Address headers: From read strictly, To and Cc read as far as they can be (RFC 5322 §3.4, RFC 6532).

`one_mailbox` decides whose word a mail is, so it takes no shape on which two readers could disagree: no group, route,
list, domain literal, nor any comment or unquoted name that holds an address of its own. `addresses` is for finding
recipients and forgives everything. Both are linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import idna

from gateway.errors import bad_from_header
from gateway.reading.headers import decode_words, for_people, repaired

MAX_FROM: Final = 4000
"""Characters of a From header; longer ones are refused unread."""
MAX_ADDRESSES: Final = 1000
"""Addresses of To and Cc that are kept."""

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t]+)
    | (?P<quoted>"(?:[^"\\]|\\.)*")
    | (?P<comment>\((?:[^()\\@<>"]|\\[^@<>])*\))
    | (?P<angle><[^<>"\s]*>)
    | (?P<text>[^\s"()<>\[\]:;,\\]+)""",
    re.VERBOSE,
)
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABELS: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_UNSEEN: Final = re.compile(
    "[\u00a0\u00ad\u061c\u180e\u2000-\u200f\u202a-\u202f\u2060-\u206f\u3000\ud800-\udfff\ufeff]"
)


def one_mailbox(values: list[str]) -> tuple[str, str]:
    """Read the From fields of a mail: (address, display name). The domain comes back as lower-case A-labels.

    Raises Refusal (bad From) unless there is exactly one field with exactly one address in an unambiguous shape.
    """
    if len(values) != 1:
        raise bad_from_header("there are several From headers" if values else "it is missing")
    value = values[0]
    if len(value) > MAX_FROM:
        raise bad_from_header("it is too long")
    return _known_mailbox(value) if len(value) <= _MAX_KNOWN else _mailbox(value)


def _mailbox(value: str) -> tuple[str, str]:
    if _FORBIDDEN.search(value):
        raise bad_from_header("it holds control characters")
    phrase, spec, comment = _split(_tokens(value))
    name = phrase or comment
    return _address(spec), for_people(decode_words(name))


_known_mailbox: Final = lru_cache(maxsize=2048)(_mailbox)
_MAX_KNOWN: Final = 256
"""Characters of a field that is remembered: the same people write again and again, to the same addresses."""


def _tokens(value: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    while at < len(value):
        match = _TOKEN.match(value, at)
        if not match:
            raise bad_from_header("it is not well formed")
        if match.lastgroup != "space":
            tokens.append((match.lastgroup or "", match[0]))
        elif tokens:
            tokens.append(("space", " "))
        at = match.end()
    while tokens and tokens[-1][0] == "space":
        tokens.pop()
    return tokens


def _split(tokens: list[tuple[str, str]]) -> tuple[str, str, str]:
    """Take a mailbox apart: (display name, addr-spec, trailing comment)."""
    comment = ""
    while tokens and tokens[-1][0] in {"comment", "space"}:
        kind, text = tokens.pop()
        comment = text[1:-1] if kind == "comment" else comment
    if not tokens:
        raise bad_from_header("it is empty")
    kind, spec = tokens[-1]
    if kind == "angle":
        return _phrase(tokens[:-1], spec[1:-1]), spec[1:-1], comment
    words = [text for kind, text in tokens if kind != "space"]
    if len(words) == 2 and tokens[0][0] == "quoted" and words[1].startswith("@"):
        return "", "".join(words), comment
    if kind != "text" or len(tokens) != 1:
        raise bad_from_header("it is not well formed")
    return "", spec, comment


def _phrase(tokens: list[tuple[str, str]], spec: str) -> str:
    """The display name before an angle address; an "@" in it must be quoted, or repeat the very address."""
    words: list[str] = []
    if tokens and tokens[0][1].startswith("."):
        raise bad_from_header("it is not well formed")
    for kind, text in tokens:
        if kind == "angle" or (kind == "text" and "@" in text and text.lower() != spec.lower()):
            raise bad_from_header("it holds more than one address")
        words.append(re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "quoted" else text)
    return "".join(words).strip()


def _address(spec: str) -> str:
    local, at, domain = spec.rpartition("@")
    if not at or not local or not domain:
        raise bad_from_header("there is no address in it" if not at else "the address is incomplete")
    if local.startswith('"') and local.endswith('"') and len(local) > 2:
        local = local[1:-1]
    if _UNSEEN.search(spec):
        raise bad_from_header("the address holds characters that cannot be seen")
    if not _LOCAL.fullmatch(local) or "=?" in spec:
        raise bad_from_header("the part before @ is not well formed")
    address = f"{local}@{_domain(domain)}"
    if len(local.encode()) > 64 or len(address) > 254:
        raise bad_from_header("the address is too long")
    return address


def _domain(domain: str) -> str:
    name = domain
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise bad_from_header("the domain is not well formed") from error
    name = name.lower()
    if len(name) > 253 or not _LABELS.fullmatch(name):
        raise bad_from_header("the domain is not well formed")
    return name


# --- To and Cc -----------------------------------------------------------------------------------------------------

_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+("|\\?\Z)')
_QUOTED_LOCAL: Final = re.compile(
    r'(?:^|[\s,;<:])("(?:[^"\\\x00-\x1f\x7f-\x9f]|\\[ -~]){1,100}+"@[^\s,;<>()"\x00-\x1f\x7f-\x9f]{1,253})'
)
_COMMENT: Final = re.compile(r"\([^()]*\)")
_SPACED_NUMBER: Final = re.compile(r"\s*[+\d][\d\s().-]{0,60}@[^\s@]+\s*")
_ADDRESS: Final = re.compile(r"[^\s@<>()\"\x00-\x1f\x7f-\x9f]{1,254}@[^\s@<>()\"\[\]\x00-\x1f\x7f-\x9f]{1,253}")


def addresses(values: Iterable[str]) -> tuple[str, ...]:
    """Collect the addresses of To or Cc fields: names, groups, comments and Outlook's semicolons are looked through.

    As written, with the domain in lower case; each once; at most MAX_ADDRESSES.
    """
    found: dict[str, None] = {}
    for value in values:
        for address in _known_addresses(value) if len(value) <= _MAX_KNOWN else _addresses(value):
            found.setdefault(address, None)
            if len(found) >= MAX_ADDRESSES:
                return tuple(found)
    return tuple(found)


def _addresses(value: str) -> Iterator[str]:
    """The addresses of one field, with the domain in lower case."""
    for address in _collect(repaired(value)):
        local, _, domain = address.rpartition("@")
        yield f"{local}@{domain.lower()}"


@lru_cache(maxsize=2048)
def _known_addresses(value: str) -> tuple[str, ...]:
    return tuple(_addresses(value))


def _collect(value: str) -> Iterator[str]:
    if '"' in value:
        yield from _QUOTED_LOCAL.findall(value)
        value = _QUOTED.sub(lambda match: " " if match[1] == '"' else match[0][1:], value)
    for item in re.split("[,;]", value):
        _, angle, spec = item.rpartition("<")
        if (angle and "@" in spec) or _SPACED_NUMBER.fullmatch(item):
            words = ["".join((spec if angle else item).partition(">")[0].split())]
        else:
            words = _COMMENT.sub(" ", item).replace("<", " ").replace(">", " ").split()
        for word in words:
            address = word.rpartition(":")[2].strip("'")
            if _ADDRESS.fullmatch(address):
                yield address
