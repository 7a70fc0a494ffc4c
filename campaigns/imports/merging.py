"""Rows of a file become contacts: read by the plan, and joined with those that are known. Pure.

A row is the contact that has its phone, else the one that has its address; the oldest where several have. Rows of one
file that are the same by this rule become one contact. What a row says is added to what is known: it replaces values,
and takes none away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from campaigns.drafts import NOBODY, BadDraft, named, read
from campaigns.imports.cells import points_read, tags_read
from campaigns.imports.plan import IGNORED, Existing, Plan
from campaigns.model import Attribute, AttributeType, Book, Draft, Point
from campaigns.values import fold, read_value
from gateway.registry.employee_address import fold_email
from gateway.registry.errors import BadValue
from gateway.translation import Sentence, sentence

Row = tuple[int, Sequence[str]]
_Key = tuple[str, str]
"""A phone or an address, with which of them it is."""
_NO_SMS = Attribute("no_sms", "no_sms", AttributeType.YES_NO)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row that says something about somebody."""

    line: int
    draft: Draft
    no_sms: bool | None = None
    """None: the row does not say."""
    cells: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that nothing becomes of, and why."""

    line: int
    problems: Mapping[str, Sentence]
    """What is wrong, by the field that it is about; "" for the whole row."""
    cells: Sequence[str]

    @property
    def why(self) -> str:
        """The same in English, each sentence with its field."""
        return why(self.problems)


def read_rows(rows: Sequence[Row], plan: Plan, of: Book) -> tuple[list[ReadRow], list[RefusedRow]]:
    """The rows by the plan; those without anything in them are passed over."""
    found: list[ReadRow] = []
    refused: list[RefusedRow] = []
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            found.append(_read_row(line, cells, plan, of))
        except BadDraft as error:
            refused.append(RefusedRow(line, error.problems, cells))
    return found, refused


def why(problems: Mapping[str, Sentence]) -> str:
    """What is wrong with a row, field by field."""
    return "; ".join(f"{name}: {problem}" if name else str(problem) for name, problem in problems.items())


def _read_row(line: int, cells: Sequence[str], plan: Plan, of: Book) -> ReadRow:
    by_field: dict[str, list[str]] = {}
    for meaning, cell in zip(plan.columns, cells, strict=False):
        if meaning != IGNORED and cell.strip():
            by_field.setdefault(meaning, []).append(cell)

    def one(name: str) -> str:
        return by_field.get(name, [""])[0]

    first, last = one("first_name"), one("last_name")
    draft = Draft(
        name=one("name") or f"{first} {last}".strip(),
        first_name=first,
        phones=tuple(Point(value) for cell in by_field.get("phone", ()) for value in points_read(cell)),
        emails=tuple(Point(value) for cell in by_field.get("email", ()) for value in points_read(cell)),
        language=one("language"),
        zone=one("zone"),
        attributes={each.key: one(each.key) for each in of.own() if each.key in by_field},
        tags=frozenset(tag for cell in by_field.get("tags", ()) for tag in tags_read(cell)),
    )
    fit = read(draft, of)
    if not (fit.name or fit.phones or fit.emails):
        raise BadDraft({"name": NOBODY})
    fit = replace(fit, tags=fit.tags | frozenset(plan.tags))
    return ReadRow(line, fit, _read_no_sms(one("no_sms")), cells)


def _read_no_sms(cell: str) -> bool | None:
    try:
        found = read_value(_NO_SMS, cell)
    except BadValue as error:
        told = error.told if isinstance(error.told, Sentence) else NOBODY
        raise BadDraft({"no_sms": told}) from None
    return None if found is None else bool(found)


# --- joined with what is known -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """The contacts that rows could be."""

    phones: Mapping[str, int]
    """The oldest contact by phone, E.164."""
    emails: Mapping[str, int]
    """By folded address."""
    drafts: Mapping[int, Draft]
    """What is stored of each."""

    def owners(self) -> Iterator[tuple[_Key, int]]:
        """Who has which phone and address."""
        yield from ((("phone", value), contact_id) for value, contact_id in self.phones.items())
        yield from ((("email", value), contact_id) for value, contact_id in self.emails.items())


class Fate(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    UPDATED = "updated"
    SAME = "same"
    """It says nothing new, or the contact is to stay as it is."""


@dataclass(slots=True)
class Merged:
    """What becomes of rows."""

    new: list[Draft] = field(default_factory=list)
    changed: dict[int, Draft] = field(default_factory=dict)
    same: int = 0
    """Rows that say nothing new."""
    met: set[int] = field(default_factory=set)
    """Known contacts that rows are about, changed or not."""
    refused: list[RefusedRow] = field(default_factory=list)
    updates: int = 0
    """Rows that changed a contact that was known, or one of an earlier row."""
    fates: dict[int, Fate] = field(default_factory=dict)
    """By line, of those that were not refused."""


def merge(rows: Sequence[ReadRow], plan: Plan, known: Known) -> Merged:
    """Join rows with what is known, and with each other: as if each row were stored before the next is looked at."""
    done = Merged()
    met = _Met(dict(known.owners()))
    for row in rows:
        contact_id, place = met.find(_keys(row.draft))
        if contact_id is not None:
            _join_known(row, contact_id, plan, known, done)
            met.note_known(_keys(done.changed.get(contact_id, known.drafts[contact_id])), contact_id)
        elif place is not None:
            _join_new(row, place, plan, done)
            met.note_new(_keys(done.new[place]), place)
        elif plan.create:
            done.new.append(named(replace(row.draft, no_sms=bool(row.no_sms))))
            done.fates[row.line] = Fate.NEW
            met.note_new(_keys(row.draft), len(done.new) - 1)
        else:
            unknown = sentence("no contact has this phone or e-mail address")
            done.refused.append(RefusedRow(row.line, {"": unknown}, row.cells))
    return done


@dataclass(slots=True)
class _Met:
    """Who has which phone and address by now; the oldest, where several have it."""

    known: dict[_Key, int]
    """Contacts that were there before, with what rows have added to them."""
    new: dict[_Key, int] = field(default_factory=dict)
    """Places in `Merged.new`; all of these are younger."""

    def find(self, keys: Sequence[_Key]) -> tuple[int | None, int | None]:
        """The contact, or the place of the new one, by the first key that anybody has."""
        for key in keys:
            if key in self.known:
                return self.known[key], None
            if key in self.new:
                return None, self.new[key]
        return None, None

    def note_known(self, keys: Sequence[_Key], contact_id: int) -> None:
        """A contact has these now."""
        for key in keys:
            self.known[key] = min(contact_id, self.known.get(key, contact_id))

    def note_new(self, keys: Sequence[_Key], place: int) -> None:
        """A new contact has these now."""
        for key in keys:
            self.new[key] = min(place, self.new.get(key, place))


def _keys(draft: Draft) -> list[_Key]:
    return [
        *(("phone", point.value) for point in draft.phones),
        *(("email", fold_email(point.value)) for point in draft.emails),
    ]


def _join_known(row: ReadRow, contact_id: int, plan: Plan, known: Known, done: Merged) -> None:
    done.met.add(contact_id)
    before = done.changed.get(contact_id, known.drafts[contact_id])
    after = joined(before, row) if plan.existing is Existing.UPDATE else before
    _count(row, after != before, done)
    if after != before:
        done.changed[contact_id] = after


def _join_new(row: ReadRow, place: int, plan: Plan, done: Merged) -> None:
    before = done.new[place]
    after = joined(before, row) if plan.existing is Existing.UPDATE else before
    _count(row, after != before, done)
    done.new[place] = after


def _count(row: ReadRow, changed: bool, done: Merged) -> None:  # noqa: FBT001 - what was asked just before
    done.same += not changed
    done.updates += changed
    done.fates[row.line] = Fate.UPDATED if changed else Fate.SAME


def joined(before: Draft, row: ReadRow) -> Draft:
    """What is known with what a row says."""
    says = row.draft
    return Draft(
        says.name or before.name,
        says.first_name or before.first_name,
        _with(before.phones, says.phones),
        _with(before.emails, says.emails),
        says.language or before.language,
        says.zone or before.zone,
        before.no_sms if row.no_sms is None else row.no_sms,
        {**before.attributes, **says.attributes},
        _tags(before.tags, says.tags),
    )


def _with(there: tuple[Point, ...], more: tuple[Point, ...]) -> tuple[Point, ...]:
    known = {fold_email(point.value) if "@" in point.value else point.value for point in there}
    return (
        *there,
        *(each for each in more if (fold_email(each.value) if "@" in each.value else each.value) not in known),
    )


def _tags(there: frozenset[str], more: frozenset[str]) -> frozenset[str]:
    known = set(map(fold, there))
    return there | {tag for tag in more if fold(tag) not in known}
