"""`brevdue contact import`: a CSV or XLSX becomes contacts, with a bar on a terminal, and what was refused in a file.

The file's rows are in the database before the first contact is made. Whoever ends the command loses nothing: a gateway
goes on with the import, or `brevdue contact follow` does. Exit status 1 where rows were refused.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

from cyclopts import Parameter

from brevdue.cli_contacts import Org, write_file
from brevdue.console import DEFAULT, CommandError, Options, complain, facts, moment, person, show

if TYPE_CHECKING:
    from rich.progress import Progress

    from brevdue.administration import Desk
    from campaigns.imports.imports import Preview
    from campaigns.imports.plan import Plan
    from campaigns.model import Book
    from campaigns.store.import_sql import Import

_BLOCK: Final = 1 << 18
_POLL: Final = 0.2
"""Seconds between looks at how far an import is."""

Refused = Annotated[
    Path | None, Parameter(help="Where refused rows go, with why; FILE.refused.csv unless it is named.")
]
Id = Annotated[str, Parameter(help="The import's id, as `imports` prints it.")]


async def import_file(
    file: Annotated[Path, Parameter(help="CSV, in any encoding and with any separator that is usual, or XLSX.")],
    /,
    *,
    org: Org,
    map: Annotated[  # noqa: A002 - the word of the option
        list[str] | None,
        Parameter(help="What a column is, by its head or number: Mobil=phone, 3=city, Note= to leave it out."),
    ] = None,
    head: Annotated[
        bool | None, Parameter(negative="--no-head", help="Whether the first row names the columns; else guessed.")
    ] = None,
    update: Annotated[
        bool, Parameter(negative="--skip", help="Whether contacts that are known get what their row says, or stay.")
    ] = True,
    create: Annotated[bool, Parameter(negative="--only-known", help="Whether new contacts are made.")] = True,
    tag: Annotated[list[str] | None, Parameter(help="A tag for all of them. As often as wanted.")] = None,
    group: Annotated[str, Parameter(help="A group with listed members that all of them join.")] = "",
    consent: Annotated[str, Parameter(help="What all of them have agreed to; with --wording and --how.")] = "",
    wording: Annotated[str, Parameter(help="The words that they agreed to.")] = "",
    how: Annotated[str, Parameter(help="How they agreed: 'form on the website'.")] = "",
    preview: Annotated[bool, Parameter(negative=(), help="Only say what would become of the first rows.")] = False,
    refused: Refused = None,
    options: Options = DEFAULT,
) -> int:
    """Make contacts of a file. What columns mean is guessed, or as it was for the last file with the same head."""
    from brevdue.administration import desk, in_a_sentence
    from campaigns.imports.plan import Existing

    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.accounts.organisation_named(org)
            wish = partial(
                replace,
                existing=Existing.UPDATE if update else Existing.KEEP,
                create=create,
                tags=tuple(tag or ()),
                group_id=_group(await at.contacts.book(owner.id), group),
                consent=consent,
                consent_wording=wording,
                consent_how=how,
            )
            with _bar() as bar:
                taken = await _upload(at, owner.id, file, bar)
                async with _stopped_by_mistakes(at, taken):
                    plan = wish(await at.imports.plan(owner.id, taken.id))
                    plan = _mapped(plan if head is None else replace(plan, has_head=head), taken, map or ())
                    seen = await at.imports.preview(owner.id, taken.id, plan)
                    if not preview:
                        await at.imports.start(owner.id, taken.id, plan)
                if not preview:
                    await at.note("import.start", taken.id, owner.id, rows=taken.rows)
                    taken = await _done(at, taken, bar)
            if preview:
                await at.imports.cancel(owner.id, taken.id)
                facts({"rows": taken.rows - plan.has_head, **_columns(plan, taken), **_fates(seen)}, options)
                return 0
            return await _told(at, taken, refused or file.with_name(f"{file.name}.refused.csv"), options)


@asynccontextmanager
async def _stopped_by_mistakes(at: Desk, taken: Import) -> AsyncIterator[None]:
    """Forget a file that cannot be imported as it was asked for."""
    try:
        yield
    except BaseException:
        await at.imports.cancel(taken.org_id, taken.id)
        raise


def _fates(seen: Preview) -> dict[str, Any]:
    counts = {"new": seen.new, "updated": seen.updated, "same": seen.same, "refused": len(seen.refused)}
    return {f"first rows: {fate}": count for fate, count in counts.items()} | {
        f"line {each.line}": each.why for each in seen.refused
    }


async def follow(import_id: Id, /, *, refused: Refused = None, options: Options = DEFAULT) -> int:
    """Go on with an import that was interrupted, or watch one that a gateway works on, to its end."""
    from brevdue.administration import desk, in_a_sentence
    from campaigns.store.import_sql import ImportState

    async with desk(options) as at:
        with in_a_sentence():
            found = await at.imports.find(None, import_id)
            if found.state in (ImportState.UPLOADING, ImportState.READY):
                raise CommandError("nobody has said yet what the columns of this file mean: do that on its page")
            with _bar() as bar:
                found = await _done(at, found, bar)
            return await _told(at, found, refused or Path(f"{found.id}.refused.csv"), options)


async def list_imports(
    *,
    org: Annotated[str | None, Parameter(help="Only this organisation's: name or id.")] = None,
    options: Options = DEFAULT,
) -> None:
    """List imports of the last month, the latest first."""
    from brevdue.administration import desk, in_a_sentence

    async with desk(options) as at:
        with in_a_sentence():
            owner = await at.accounts.organisation_named(org) if org else None
            found = await at.imports.latest(owner.id if owner else None)
    rows = [
        {
            "id": each.id,
            "file": each.name,
            "state": each.state,
            "done": f"{each.progress:.0%}",
            **_counts(each),
            "by": each.by,
            "at": moment(each.created_at),
        }
        for each in found
    ]
    show(rows, options, empty="nothing was imported in the last month")


def _counts(each: Import) -> dict[str, Any]:
    return {
        "rows": each.people,
        "new": each.created,
        "updated": each.updated,
        "same": each.same,
        "refused": each.refused,
    }


# --- what it says --------------------------------------------------------------------------------------------------


def _group(book: Book, name: str) -> str:
    from campaigns.values import fold

    if not name:
        return ""
    found = book.groups.get(fold(name))
    if found is None:
        raise CommandError(f"there is no group '{name}'")
    return found.id


def _mapped(plan: Plan, taken: Import, written: Sequence[str]) -> Plan:
    """The plan with the columns that are named; another that was guessed to be the same is left out."""
    from campaigns.imports.plan import IGNORED, SEVERAL
    from campaigns.values import fold

    places = {fold(name): place for place, name in reversed(list(enumerate(taken.head)))} if plan.has_head else {}
    columns = list(plan.columns)
    named: dict[int, str] = {}
    for each in written:
        column, equals, meaning = each.rpartition("=")
        numbered = int(column) - 1 if column.isascii() and column.isdecimal() and len(column) < 6 else -1
        place = places.get(fold(column), numbered)
        if not equals or not 0 <= place < len(columns):
            there = ", ".join(filter(None, taken.head)) if plan.has_head else f"1 to {len(columns)}"
            raise CommandError(f"--map takes a column and a field, as Mobil=phone, not '{each}': columns are {there}")
        named[place] = meaning.strip()
    for place, meaning in enumerate(columns):
        if place not in named and meaning in named.values() and meaning not in SEVERAL:
            columns[place] = IGNORED
    return replace(plan, columns=tuple(named.get(place, meaning) for place, meaning in enumerate(columns)))


def _columns(plan: Plan, taken: Import) -> dict[str, str]:
    return {
        f"column {place + 1}" + (f" ({taken.head[place]})" if plan.has_head else ""): meaning or "left out"
        for place, meaning in enumerate(plan.columns)
    }


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """A bar on a terminal; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield bar


async def _upload(at: Desk, org_id: str, file: Path, bar: Progress | None) -> Import:
    with _opened(file) as source:
        taken = await at.imports.upload(org_id, file.name, _blocks(source, bar), person())
    await at.note("import.upload", taken.id, org_id, rows=taken.rows)
    return taken


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}") from error


async def _blocks(source: BinaryIO, bar: Progress | None) -> AsyncIterator[bytes]:
    task = bar.add_task("reading", total=os.fstat(source.fileno()).st_size) if bar is not None else None
    while block := await asyncio.to_thread(source.read, _BLOCK):
        if bar is not None and task is not None:
            bar.advance(task, len(block))
        yield block


async def _done(at: Desk, found: Import, bar: Progress | None) -> Import:
    """Work on an import, or wait while another process does, until it is over."""
    from campaigns.store.import_sql import ImportState

    task = bar.add_task("importing", total=found.chunks) if bar is not None else None
    while True:
        work = asyncio.create_task(at.importing.run(found))
        try:
            while not work.done():
                await asyncio.wait([work], timeout=_POLL)
                found = await at.imports.find(found.org_id, found.id)
                if bar is not None and task is not None:
                    bar.update(task, completed=found.done_chunks)
            await work
        except asyncio.CancelledError:
            complain(f"stopped: a gateway goes on with it, or brevdue contact follow {found.id}")
            raise
        finally:
            work.cancel()
        if found.state is not ImportState.RUNNING:
            return found
        await asyncio.sleep(_POLL)
        found = await at.imports.find(found.org_id, found.id)


async def _told(at: Desk, found: Import, refused: Path, options: Options) -> int:
    values = {"id": found.id, "state": found.state, **_counts(found)}
    if found.refused:
        await write_file(refused, at.imports.refused(found.org_id, found.id))
        values["refused rows"] = str(refused)
    facts(values, options)
    if found.refused:
        complain(f"{found.refused} of {found.people} rows were refused: {refused} says why")
    return 1 if found.refused or found.state != "finished" else 0
