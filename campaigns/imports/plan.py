"""What the columns of a file mean, and what becomes of its rows. Pure.

A column means a field of contacts (name, first_name, last_name, phone, email, language, zone, no_sms, tags), an
attribute by its key, or nothing. It is guessed from how the file's head calls it, in the languages of the pages, from
what its cells look like, and from what was chosen for a file with the same head before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import orjson

from campaigns.model import Book
from campaigns.values import fold
from gateway.registry.errors import BadValue
from gateway.translation import Sentence, sentence

IGNORED: Final = ""
FIELDS: Final = ("name", "first_name", "last_name", "phone", "email", "language", "zone", "no_sms", "tags")
FIELD_WORDS: Final[dict[str, Sentence]] = {
    "name": sentence("name"),
    "first_name": sentence("first name"),
    "last_name": sentence("last name"),
    "phone": sentence("phone"),
    "email": sentence("e-mail"),
    "language": sentence("language"),
    "zone": sentence("time zone"),
    "no_sms": sentence("no SMS"),
    "tags": sentence("tags"),
}
"""How people read the fields."""
SEVERAL: Final = frozenset({"phone", "email", "tags"})
"""What more than one column may mean."""
MOST_COLUMNS: Final = 250
"""More than an export has: its own and 200 fields."""
COLUMNS_OF_POINTS: Final = 3
"""Phones, and addresses, that have a column of their own in an export; those beyond share the last (`cells`)."""
WRITTEN: Final[dict[str, str]] = {
    "id": IGNORED,
    "name": "name",
    "first_name": "first_name",
    **{f"phone {n}" if n > 1 else "phone": "phone" for n in range(1, COLUMNS_OF_POINTS + 1)},
    **{f"email {n}" if n > 1 else "email": "email" for n in range(1, COLUMNS_OF_POINTS + 1)},
    "language": "language",
    "zone": "zone",
    "no_sms": "no_sms",
    "opted_out": IGNORED,
    "tags": "tags",
    "consents": IGNORED,
    "created": IGNORED,
}
"""The columns that an export begins with, and what they mean; the keys of fields follow."""
_HEADS: Final[dict[str, str]] = {
    "name": "name fullname navn fuldenavn namn fulltnavn fullständigtnamn vollständigername nomcomplet фио полноеимя",
    "first_name": "firstname givenname fornavn förnamn vorname prénom prenom имя",
    "last_name": "lastname surname familyname efternavn etternavn efternamn nachname familienname nom фамилия",
    "phone": "phone phonenumber mobile mobilephone cell telefon telefonnummer tlf mobil mobilnummer mobiltelefon "
    "mobiltlf handy handynummer téléphone telephone portable numéro телефон мобильный номертелефона sms msisdn",
    "email": "email emailaddress mail mailaddress emailadresse mailadresse epost epostadresse epostadress courriel "
    "adressemail adresseemail почта электроннаяпочта адресэлектроннойпочты",
    "language": "language lang sprog språk sprache langue язык",
    "zone": "timezone zone tidszone tidssone tidszon zeitzone fuseauhoraire часовойпояс",
    "no_sms": "nosms ingensms keinesms pasdesms безсмс donotsms",
    "tags": "tags tag mærker etiketter étiquettes метки",
}
_BY_HEAD: Final = {word: field for field, words in _HEADS.items() for word in words.split()}
_EMAIL: Final = re.compile(r"\S+@\S+\.\S+")
_PHONE: Final = re.compile(r"\+?[\d\s().-]{8,20}")


class Existing(StrEnum):
    """What becomes of rows whose phone or address a contact has already."""

    UPDATE = "update"
    """What the row says is added: it replaces values, and removes none."""
    KEEP = "keep"
    """The contact stays as it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a file is read."""

    columns: tuple[str, ...]
    """For each column a field, the key of an attribute, or "" for nothing."""
    has_head: bool = True
    existing: Existing = Existing.UPDATE
    create: bool = True
    """Whether rows that nobody is known for make new contacts; they are refused otherwise."""
    tags: tuple[str, ...] = ()
    """For all of them."""
    group_id: str = ""
    """A group whose members are listed, and which all of them join."""
    consent: str = ""
    """What all of them have agreed to; with its wording, and how. Who has withdrawn it is left out."""
    consent_wording: str = ""
    consent_how: str = ""


def write(plan: Plan) -> str:
    """As it is kept."""
    return orjson.dumps(plan).decode()


def read(text: str) -> Plan:
    """As it was kept."""
    kept = orjson.loads(text)
    return Plan(
        **{
            **kept,
            "columns": tuple(kept["columns"]),
            "tags": tuple(kept["tags"]),
            "existing": Existing(kept["existing"]),
        }
    )


def checked(plan: Plan, width: int, of: Book) -> Plan:
    """The plan, where it can be carried out. Raises BadValue."""
    known = {*FIELDS, *(each.key for each in of.own()), IGNORED}
    columns = (*plan.columns, *[IGNORED] * width)[:width]
    strange = next((each for each in columns if each not in known), None)
    if strange is not None:
        raise BadValue(sentence("there is no field %(name)s", name=strange[:60]))
    used = [each for each in columns if each != IGNORED and each not in SEVERAL]
    twice = next((each for each in used if used.count(each) > 1), None)
    if twice is not None:
        own = next((each.label for each in of.own() if each.key == twice), twice)
        raise BadValue(sentence("two columns cannot both be %(name)s", name=FIELD_WORDS.get(twice, own)))
    if not {"name", "first_name", "last_name", "phone", "email"} & set(columns):
        raise BadValue(sentence("choose which column is the name, the phone or the e-mail address"))
    if plan.consent and not (plan.consent_wording and plan.consent_how):
        raise BadValue(sentence("say what they agreed to, how, and in which words"))
    if plan.group_id and not any(each.id == plan.group_id and not each.dynamic for each in of.groups.values()):
        raise BadValue(sentence("there is no such group"))
    return Plan(columns, *(getattr(plan, name) for name in Plan.__slots__[1:]))


def digest(head: Sequence[str]) -> str:
    """Files with the same head have the same: they are planned as the last one was."""
    return hashlib.sha256("\x1f".join(map(fold, head)).encode("utf-8", "replace")).hexdigest()


def guessed(sample: Sequence[Sequence[str]], of: Book) -> Plan:
    """A plan for a file by its first rows."""
    head = sample[0] if sample else ()
    if tuple(head[: len(WRITTEN)]) == tuple(WRITTEN):
        keys = {each.key for each in of.own()}
        own = (key if key in keys else IGNORED for key in head[len(WRITTEN) : MOST_COLUMNS])
        return Plan((*WRITTEN.values(), *own))
    width = min(max(map(len, sample), default=0), MOST_COLUMNS)
    has_head = not any(_EMAIL.fullmatch(cell.strip()) or _PHONE.fullmatch(cell.strip()) for cell in head)
    columns = [IGNORED] * width
    taken: set[str] = set()
    for place in range(width):
        cells = [
            row[place].strip() for row in sample[1 if has_head else 0 :] if place < len(row) and row[place].strip()
        ]
        found = _by_head(head[place], of) if has_head and place < len(head) else _by_cells(cells)
        if found not in taken or found in SEVERAL:
            columns[place] = found
            taken.add(found)
    return Plan(tuple(columns), has_head)


def _by_head(head: str, of: Book) -> str:
    word = re.sub(r"[\W_\d]", "", head.casefold())
    own = {fold(each.label): each.key for each in of.own()} | {fold(each.key): each.key for each in of.own()}
    return own.get(fold(head)) or _BY_HEAD.get(word, IGNORED)


def _by_cells(cells: Sequence[str]) -> str:
    if cells and sum(bool(_EMAIL.fullmatch(cell)) for cell in cells) * 2 > len(cells):
        return "email"
    if cells and sum(bool(_PHONE.fullmatch(cell)) for cell in cells) * 2 > len(cells):
        return "phone"
    return IGNORED
