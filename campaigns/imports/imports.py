"""Imports as people see them: a file comes, is planned, looked at, and runs; what was refused is told row by row."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from campaigns import drafts, vcards
from campaigns.contacts import Contacts
from campaigns.imports import workbook
from campaigns.imports.merging import Fate, Merged, ReadRow, RefusedRow, Row, merge, read_rows
from campaigns.imports.plan import FIELD_WORDS, MOST_COLUMNS, Plan, checked, digest, guessed
from campaigns.model import Attribute, Book
from campaigns.store import import_sql as sql
from campaigns.store.import_sql import Import, ImportState
from gateway import csv_cells, sheet_file
from gateway.model import Clock, new_id
from gateway.registry.errors import BadValue, NotFound
from gateway.store.database import Database
from gateway.translation import SOURCE, Translations, sentence, translations
from gateway.workbook_bounds import TOO_BIG

CHUNK: Final = 250
"""Rows that become contacts in one transaction: some 30 ms of the one that writes."""
MAX_BYTES: Final = 500_000_000
MAX_ROWS: Final = 2_000_000
MOST_UNFINISHED: Final = 20
"""Files of an organisation that are here and not imported: each may be large, and is kept for a day."""
_SWELLING: Final = 50
"""Characters that a byte of a file may come to. A workbook of people comes to some five; one that says a long text once
and refers to it a hundred thousand times, to tens of thousands."""
_SMALL: Final = 10_000_000
"""Characters that any file may come to."""
_LONGEST_CELL: Final = 10_000
"""Characters that are kept of one: a hundred of the longest tags."""
_WORKBOOKS: Final = 2
"""Read at once: each may take gigabytes while it is read (`workbook.MEMORY`). Others wait until one is."""
_PREVIEWED: Final = 100
ENGLISH: Final = translations(SOURCE, "campaigns", "gateway")


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of the first rows."""

    rows: Sequence[ReadRow]
    refused: Sequence[RefusedRow]
    fates: Mapping[int, Fate]
    """By line, of the rows that are not refused."""
    new: int
    updated: int
    same: int


class Imports:
    """Takes files, and says how far they are."""

    def __init__(self, database: Database, contacts: Contacts, clock: Clock, directory: Path | None = None) -> None:
        """`directory` is where files lie while they are read: without a name, so that none outlives the process."""
        self._database = database
        self._contacts = contacts
        self._clock = clock
        self._directory = directory
        self._workbooks = asyncio.Semaphore(_WORKBOOKS)

    async def upload(self, org_id: str, name: str, content: AsyncIterator[bytes], by: str = "") -> Import:
        """Take a file; its rows are kept when this returns.

        Raises BadValue for what cannot be read, and where somebody stops the import before all of it is here.
        """
        now = self._clock.now()
        coming = Import(
            new_id(now), org_id, name[:200], ImportState.UPLOADING, (), None, by, 0, 0, 0, 0, 0, 0, 0, now, None
        )
        with tempfile.TemporaryFile(dir=self._directory) as file:
            await _save(file, content)
            if not await self._database.write(sql.begin, (coming, MOST_UNFINISHED)):
                raise BadValue(
                    sentence("%(most)s files wait to be imported: import or stop them first", most=MOST_UNFINISHED)
                )
            try:
                await self._keep(coming.id, file)
            except BaseException:
                await self._database.write(sql.cancel, (org_id, coming.id, now))
                raise
        return await self.find(org_id, coming.id)

    async def _keep(self, import_id: str, file: BinaryIO) -> None:
        most = max(_SMALL, _SWELLING * file.seek(0, os.SEEK_END))
        if not sheet_file.is_workbook(file):
            return await self._keep_rows(import_id, _delimited(file), most)
        async with self._workbooks, aclosing(_workbook(file)) as rows:
            return await self._keep_rows(import_id, rows, most)

    async def _keep_rows(self, import_id: str, chunks: AsyncIterator[list[Row]], most: int) -> None:
        head: Sequence[str] | None = None
        count = number = characters = 0
        async for rows in chunks:
            head = rows[0][1] if head is None else head
            count += len(rows)
            characters += sum(sum(map(len, cells)) for _, cells in rows)
            if characters > most:
                raise BadValue(TOO_BIG)
            if count > MAX_ROWS:
                raise BadValue(sentence("the file has too many lines: %(most)s at most", most=MAX_ROWS))
            await self._database.write(sql.add_chunk, (import_id, number, rows))
            number += 1
        if head is None:
            raise BadValue(sentence("the file is empty"))
        if not await self._database.write(sql.uploaded, (import_id, head, count, number)):
            raise BadValue(sentence("somebody stopped this import while the file came in: upload the file again"))

    async def find(self, org_id: str | None, import_id: str) -> Import:
        """An import; without an organisation, whoever's it is. Raises NotFound."""
        found = await self._database.read(partial(sql.find, org_id=org_id, import_id=import_id))
        if found is None:
            raise NotFound(sentence("there is no such import"))
        return found

    async def latest(self, org_id: str | None, count: int = 50, before: str = "") -> list[Import]:
        """The organisation's imports, or everybody's, the latest first; those older than one of them."""
        return await self._database.read(partial(sql.latest, org_id=org_id, count=count, before=before))

    async def sample(self, org_id: str, import_id: str) -> Sequence[Row]:
        """The first rows as they stand in the file. Raises NotFound."""
        return await self._sample(await self.find(org_id, import_id))

    async def plan(self, org_id: str, import_id: str) -> Plan:
        """How the file would be read: as the last one with its head, or guessed. Raises NotFound."""
        found = await self.find(org_id, import_id)
        sample = await self._sample(found)
        book = await self._contacts.book(org_id)
        kept = await self._database.read(partial(sql.remembered, org_id=org_id, head=digest(found.head)))
        if kept is not None:
            try:
                return checked(kept, len(found.head), book)
            except BadValue:  # a field or group that it names is gone
                pass
        return guessed([cells for _, cells in sample], book)

    async def preview(self, org_id: str, import_id: str, plan: Plan, more: Sequence[Attribute] = ()) -> Preview:
        """What would become of the first rows; `more` are fields that are not there yet.

        Raises NotFound, BadValue for a plan that cannot be carried out.
        """
        found = await self.find(org_id, import_id)
        if found.state is not ImportState.READY:
            raise _over()
        book = await self._contacts.book(org_id)
        book = replace(book, attributes={**book.attributes, **{("", each.key): each for each in more}})
        fit = checked(plan, len(found.head), book)
        sample = (await self._sample(found))[1 if fit.has_head else 0 :]
        rows, refused = read_rows(sample, fit, book)
        merged: Merged = merge(rows, fit, await self._database.read(partial(sql.known, of=book, rows=rows)))
        return Preview(rows, [*refused, *merged.refused], merged.fates, len(merged.new), merged.updates, merged.same)

    async def _sample(self, found: Import) -> list[Row]:
        rows = await self._database.read(partial(sql.chunk, import_id=found.id, number=0))
        return rows[: _PREVIEWED + 1]

    async def start(self, org_id: str, import_id: str, plan: Plan) -> None:
        """Let it run. Raises BadValue for a plan that cannot be carried out, or an import that runs already."""
        found = await self.find(org_id, import_id)
        fit = checked(plan, len(found.head), await self._contacts.book(org_id))
        start = sql.Start(org_id, import_id, fit, digest(found.head), self._clock.now())
        if not await self._database.write(sql.start, start):
            raise _over()

    async def cards(self, org_id: str, content: bytes) -> tuple[Merged, list[RefusedRow]]:
        """Take a file of vCards at once; what became of them, and the cards that cannot be meant, by place from 1.

        Attributes of which the organisation has none are passed over. Raises BadValue for what is no such file.
        """
        book = await self._contacts.book(org_id)
        own = {each.key for each in book.own()}
        rows: list[ReadRow] = []
        refused: list[RefusedRow] = []
        cards = await asyncio.to_thread(lambda: list(vcards.read(content)))
        for place, card in enumerate(cards, 1):
            known = {key: value for key, value in card.attributes.items() if key in own}
            try:
                fit = drafts.checked(replace(card, attributes=known), book)
                rows.append(ReadRow(place, fit, fit.no_sms or None))  # without the mark, a card says nothing of it
            except drafts.BadDraft as error:
                refused.append(RefusedRow(place, error.problems, (card.name,)))
        joined = await self._database.write(sql.join, (org_id, rows, Plan(()), self._clock.now()))
        return joined, refused

    async def cancel(self, org_id: str, import_id: str) -> None:
        """Stop it; what was made stays. Raises NotFound, BadValue for one that is over."""
        await self.find(org_id, import_id)
        if not await self._database.write(sql.cancel, (org_id, import_id, self._clock.now())):
            raise BadValue(sentence("this import is over"))

    async def refused(
        self, org_id: str, import_id: str, words: Translations = ENGLISH, form: csv_cells.Form = csv_cells.COMMAS
    ) -> AsyncIterator[bytes]:
        """The rows that were refused as a CSV file: line, why, and the cells as they were. Raises NotFound."""
        found = await self.find(org_id, import_id)
        book = await self._contacts.book(org_id)
        named = found.plan is None or found.plan.has_head
        unnamed = (words.gettext("Column %(number)s", number=n) for n in range(1, len(found.head) + 1))
        head = found.head if named else tuple(unnamed)
        rows = ((each.line, told(each, book, words), *each.cells) async for each in self._refusals(found.id))
        async for piece in csv_cells.lines((words.gettext("Line"), words.gettext("Why"), *head), rows, form):
            yield piece

    async def _refusals(self, import_id: str) -> AsyncIterator[RefusedRow]:
        after = -1
        while some := await self._database.read(partial(sql.refusals, import_id=import_id, after=after, size=1000)):
            for each in some:
                yield each
            after = some[-1].line


def _over() -> BadValue:
    return BadValue(sentence("this import runs already, or is over"))


def told(row: RefusedRow, of: Book, words: Translations) -> str:
    """Why a row was refused, each sentence with the field that it is about."""
    said = []
    for name, problem in row.problems.items():
        own = of.attributes.get(("", name))
        field = words.say(FIELD_WORDS[name]) if name in FIELD_WORDS else own.label if own else name
        said.append(f"{field}: {words.say(problem)}" if field else words.say(problem))
    return "; ".join(said)


async def _save(file: BinaryIO, content: AsyncIterator[bytes]) -> None:
    size = 0
    async for block in content:
        size += len(block)
        if size > MAX_BYTES:
            raise BadValue(sentence("the file is too big: %(most)s MB at most", most=MAX_BYTES // 1_000_000))
        await asyncio.to_thread(file.write, block)
    if not size:
        raise BadValue(sentence("the file is empty"))
    file.flush()
    file.seek(0)


async def _workbook(file: BinaryIO) -> AsyncGenerator[list[Row]]:
    """The rows of a workbook that hold something, so many at a time."""
    chunk: list[Row] = []
    async with aclosing(workbook.rows(file)) as rows:
        async for line, cells in rows:
            if row := _kept(line, cells):
                chunk.append(row)
            if len(chunk) >= CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


async def _delimited(file: BinaryIO) -> AsyncIterator[list[Row]]:
    """The same of a CSV."""
    found = sheet_file.rows(file)
    while some := await asyncio.to_thread(_take, found):
        yield some


def _take(rows: Iterator[sheet_file.Row]) -> list[Row]:
    chunk: list[Row] = []
    for line, cells in rows:
        if row := _kept(line, cells):
            chunk.append(row)
        if len(chunk) >= CHUNK:
            break
    return chunk


def _kept(line: int, cells: Sequence[str]) -> Row | None:
    """A row as it is kept; None for one without anything in it."""
    meant = [csv_cells.read(cell[:_LONGEST_CELL]) for cell in cells[:MOST_COLUMNS]]
    short = [cell.encode("utf-8", "replace").decode() for cell in meant]
    return (line, short) if any(cell.strip() for cell in short) else None
