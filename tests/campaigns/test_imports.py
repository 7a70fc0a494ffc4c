"""Imports: files become contacts once, whatever is in them and whoever is killed; what was refused is told."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection

from campaigns import vcards
from campaigns.contacts import Contacts
from campaigns.groups import Groups
from campaigns.imports.importing import Importing
from campaigns.imports.imports import CHUNK, MOST_UNFINISHED, Imports
from campaigns.imports.merging import Row
from campaigns.imports.plan import WRITTEN, Existing, Plan
from campaigns.model import Attribute, AttributeType, Audience, Draft, Point
from campaigns.store import import_sql
from campaigns.store.import_sql import Import, ImportState
from gateway.model import SystemClock
from gateway.registry.errors import BadValue, NotFound
from gateway.store.database import Database
from tests.unit.test_sheets import workbook

pytestmark = pytest.mark.proves("contact imports")

FILE = """Navn;Mobil;E-mail;By;Født;Mærker
Åse Hansen;30 64 30 61;aase@firm.example;Aarhus;24-12-1988;vip, ny
;;;;;
Bo;12;bo@firm.example;Odense;;
Cy;30643063;cy@;Vejle;31.02.1990;
Åse H.;+4530643061;other@firm.example;;;gammel
;;di@firm.example;;;
Nobody;;;Aarhus;;
"""


@pytest.fixture
def imports(database: Database, contacts: Contacts, clock: SystemClock, tmp_path: Path) -> Imports:
    return Imports(database, contacts, clock, tmp_path)


@pytest.fixture
def importing(database: Database, contacts: Contacts, clock: SystemClock) -> Importing:
    return Importing(database=database, contacts=contacts, clock=clock, rest=0.0)


@pytest.fixture(autouse=True)
async def attributes(contacts: Contacts, org_id: str) -> None:
    await contacts.define(org_id, Attribute("city", "By", AttributeType.TEXT))
    await contacts.define(org_id, Attribute("born", "Født", AttributeType.DATE))


async def pieces(content: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def whole(stream: AsyncIterator[bytes]) -> list[list[str]]:
    content = b"".join([piece async for piece in stream])
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def counts(found: Import) -> tuple[int, int, int, int]:
    return found.created, found.updated, found.same, found.refused


async def test_a_file_with_mistakes(
    imports: Imports, importing: Importing, contacts: Contacts, groups: Groups, org_id: str
):
    uploaded = await imports.upload(org_id, "people.csv", pieces(FILE.encode("cp1252"), 7), by="Anna")
    assert (uploaded.state, uploaded.rows, uploaded.head[1]) == (ImportState.READY, 7, "Mobil")
    plan = await imports.plan(org_id, uploaded.id)
    assert plan == Plan(("name", "phone", "email", "city", "born", "tags"))
    seen = await imports.preview(org_id, uploaded.id, plan)
    assert (seen.new, seen.updated, seen.same, len(seen.refused)) == (3, 1, 0, 2)

    await imports.start(org_id, uploaded.id, plan)
    with pytest.raises(BadValue, match="runs already"):
        await imports.start(org_id, uploaded.id, plan)
    await importing.work()
    done = await imports.find(org_id, uploaded.id)
    assert (done.state, done.progress, counts(done)) == (ImportState.FINISHED, 1.0, (3, 1, 0, 2))
    assert await whole(imports.refused(org_id, uploaded.id)) == [
        ["Line", "Why", "Navn", "Mobil", "E-mail", "By", "Født", "Mærker"],
        ["4", "phone: 12 is no phone number: too short", "Bo", "12", "bo@firm.example", "Odense", "", ""],
        [
            "5",
            "e-mail: 'cy@' is not a mail address: write it like anna@example.com; Født: there is no day 31.02.1990",
            "Cy",
            "30643063",
            "cy@",
            "Vejle",
            "31.02.1990",
            "",
        ],
    ]
    (aase,) = [
        await contacts.find(org_id, each.contact_id) for each in await groups.page(org_id, Audience(filter="tag: vip"))
    ]
    assert (aase.name, aase.tags, aase.attributes) == (
        "Åse H.",
        ("gammel", "ny", "vip"),
        {"city": "Aarhus", "born": "1988-12-24"},
    )
    assert [point.value for point in aase.emails] == ["aase@firm.example", "other@firm.example"]

    # The same file once more says nothing new, and is read as it was read before.
    again = await imports.upload(org_id, "people.csv", pieces(FILE.encode()))
    remembered = Plan(("name", "phone", "email", "city", "", ""), tags=("again",))
    assert await imports.plan(org_id, again.id) == plan
    await imports.start(org_id, again.id, remembered)
    await importing.work()
    assert await imports.plan(org_id, (await imports.upload(org_id, "x", pieces(FILE.encode()))).id) == remembered


async def test_a_table_that_was_exported_is_planned_by_its_columns(imports: Imports, contacts: Contacts, org_id: str):
    await contacts.define(org_id, Attribute("second", "Phone", AttributeType.TEXT))
    head = ",".join([*WRITTEN, "second", "gone", "born"])
    uploaded = await imports.upload(org_id, "x", pieces(f"{head}\n1,Åse\n".encode()))
    assert (await imports.plan(org_id, uploaded.id)).columns == (*WRITTEN.values(), "second", "", "born")
    shorter = await imports.upload(org_id, "x", pieces(b"name,Phone\nBo,\n"))
    assert (await imports.plan(org_id, shorter.id)).columns == ("name", "second")


async def test_a_workbook_is_read_as_people_see_it(
    imports: Imports, importing: Importing, contacts: Contacts, org_id: str
):
    rows: list[list[str | float]] = [
        ["Navn", "Telefon", "By"],
        ["Åse", 4530643061.0, "Aarhus"],
        ["Bo", 30643062.0, 8000.0],
    ]
    uploaded = await imports.upload(org_id, "people.xlsx", pieces(workbook(rows)))
    plan = await imports.plan(org_id, uploaded.id)
    assert plan.columns == ("name", "phone", "city")
    await imports.start(org_id, uploaded.id, plan)
    await importing.work()
    (bo,) = await contacts.with_phone(org_id, "+4530643062")
    assert (await contacts.find(org_id, bo)).attributes == {"city": "8000"}
    assert len(await contacts.with_phone(org_id, "+4530643061")) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n;;\n \n", "is empty"),
        (b"PK\x03\x04 and then nothing", "workbook cannot be read"),
        (b"ab\0\0c", "cannot be read"),
        (b'name\n"' + b"a" * 200_000 + b"\n", "a quote too many"),
        (b"name;phone\n" + b"a;" * 600_000, "line 2 is too long"),
        (b"name;phone\n" + b'"a\na";' * 200_000, "line 2 is too long"),
        (workbook([["name", "phone"], *[["x" * 4_000, "30643061"]] * 3_000]), "workbook is too big"),
    ],
    ids=lambda what: what if isinstance(what, str) else "",
)
async def test_what_cannot_be_read_says_what_to_do(imports: Imports, org_id: str, content: bytes, words: str):
    with pytest.raises(BadValue, match=words):
        await imports.upload(org_id, "x", pieces(content))
    assert all(each.state is ImportState.CANCELLED for each in await imports.latest(org_id))


async def test_files_that_nobody_imports_are_not_piled_up(imports: Imports, org_id: str, other_org_id: str):
    for number in range(MOST_UNFINISHED):
        await imports.upload(org_id, f"{number}.csv", pieces(FILE.encode()))
    with pytest.raises(BadValue, match="20 files wait to be imported"):
        await imports.upload(org_id, "more.csv", pieces(FILE.encode()))
    assert len(await imports.latest(org_id)) == MOST_UNFINISHED
    await imports.upload(other_org_id, "theirs.csv", pieces(FILE.encode()))
    await imports.cancel(org_id, (await imports.latest(org_id))[0].id)
    await imports.upload(org_id, "more.csv", pieces(FILE.encode()))


@pytest.mark.parametrize("content", [FILE.encode(), workbook([["Navn", "Mobil"], ["Åse", "30643061"]])])
async def test_a_file_that_comes_has_no_name_on_the_disk(
    database: Database, contacts: Contacts, clock: SystemClock, org_id: str, tmp_path: Path, content: bytes
):
    place = tmp_path / "files"
    place.mkdir()
    opened: list[str] = []

    async def slowly() -> AsyncIterator[bytes]:
        async for piece in pieces(content, 20):
            for each in Path("/proc/self/fd").iterdir():
                with suppress(FileNotFoundError):  # that of the listing itself
                    opened.append(str(each.readlink()))
            assert not list(place.iterdir())
            yield piece

    await Imports(database, contacts, clock, place).upload(org_id, "x", slowly())
    assert any(each.startswith(str(place)) for each in opened)
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Plan(("name", "name")), "two columns"),
        (Plan(("city",)), "which column is the name"),
        (Plan(("shoe_size", "name")), "there is no field shoe_size"),
        (Plan(("name",), consent="Offers"), "in which words"),
        (Plan(("name",), group_id="nonsense"), "no such group"),
    ],
)
async def test_a_plan_that_cannot_be_carried_out(imports: Imports, org_id: str, plan: Plan, words: str):
    uploaded = await imports.upload(org_id, "x", pieces(FILE.encode()))
    with pytest.raises(BadValue, match=words):
        await imports.start(org_id, uploaded.id, plan)


async def test_rules_for_those_who_are_known(
    imports: Imports, importing: Importing, contacts: Contacts, groups: Groups, org_id: str
):
    known = await contacts.add(org_id, Draft("Known", phones=(Point("+4530643061"),)))
    group = await groups.make(await contacts.book(org_id), "Joined", None)
    columns = ("name", "phone", "email", "city", "born", "tags")

    async def run(plan: Plan) -> tuple[int, int, int, int]:
        uploaded = await imports.upload(org_id, "x", pieces(FILE.encode()))
        await imports.start(org_id, uploaded.id, plan)
        await importing.work()
        return counts(await imports.find(org_id, uploaded.id))

    kept = Plan(columns, existing=Existing.KEEP, create=False, group_id=group.id)
    assert await run(kept) == (0, 0, 2, 4)
    assert (await contacts.find(org_id, known)).name == "Known"
    given = Plan(columns, consent="Offers", consent_wording="Yes please", consent_how="fair 2026", group_id=group.id)
    assert await run(given) == (2, 2, 0, 2)
    assert await groups.count(org_id, Audience(groups=(group.id,), filter=None)) == 3
    assert await groups.count(org_id, Audience(filter="consent: offers")) == 3
    assert (await contacts.find(org_id, known)).consents[0].wording == "Yes please"


@pytest.mark.proves("contact imports", "consents")
@pytest.mark.parametrize("existing", Existing)
async def test_a_list_does_not_undo_a_withdrawal(
    imports: Imports, importing: Importing, contacts: Contacts, groups: Groups, org_id: str, existing: Existing
):
    aase, bo, cy = [
        await contacts.add(org_id, Draft(name, phones=(Point(f"+453064306{n}"),)))
        for n, name in enumerate(("Åse", "Bo", "Cy"), 1)
    ]
    await contacts.give_consent(org_id, [aase, bo], "Offers", how="form", wording="Yes")
    await contacts.give_consent(org_id, [cy], "News", how="form", wording="Yes")
    await contacts.end_consent(org_id, [aase], "offers", how="by phone")
    await contacts.end_consent(org_id, [cy], "News", how="by phone")

    uploaded = await imports.upload(org_id, "old list.csv", pieces(b"phone\n30643061\n30643062\n30643063\n30643064\n"))
    plan = Plan(("phone",), existing=existing, consent="OFFERS", consent_wording="Yes please", consent_how="fair 2019")
    await imports.start(org_id, uploaded.id, plan)
    await importing.work()
    agreeing = {each.name for each in await groups.page(org_id, Audience(filter="consent: offers"))}
    assert agreeing == {"Bo", "Cy", "+4530643064"}
    assert [each.ended_how for each in (await contacts.find(org_id, aase)).consents] == ["by phone"]
    assert [each.how for each in (await contacts.find(org_id, bo)).consents] == ["form"]

    await contacts.give_consent(org_id, [aase], "Offers", how="in the shop", wording="Yes, again")
    assert [each.how for each in (await contacts.find(org_id, aase)).consents] == ["in the shop", "form"]
    assert await groups.count(org_id, Audience(filter="consent: offers")) == 4


@pytest.mark.proves("other organisations")
async def test_imports_are_their_organisation_s_own(imports: Imports, org_id: str, other_org_id: str):
    uploaded = await imports.upload(org_id, "x", pieces(FILE.encode()))
    for refused in (
        imports.find(other_org_id, uploaded.id),
        imports.plan(other_org_id, uploaded.id),
        imports.start(other_org_id, uploaded.id, Plan(("name",))),
        imports.cancel(other_org_id, uploaded.id),
        whole(imports.refused(other_org_id, uploaded.id)),
    ):
        with pytest.raises(NotFound):
            await refused
    assert await imports.latest(other_org_id) == []


async def test_stopped_imports_keep_what_they_made_and_leave_nothing_else(
    imports: Imports, importing: Importing, groups: Groups, database: Database, org_id: str
):
    rows = "".join(f"N{n};n{n}@firm.example\n" for n in range(3 * CHUNK))
    uploaded = await imports.upload(org_id, "x", pieces(rows.encode()))
    await imports.start(org_id, uploaded.id, await imports.plan(org_id, uploaded.id))
    running = await database.read(import_sql.running)
    assert running is not None
    assert await importing._do(running, 0)
    await imports.cancel(org_id, uploaded.id)
    assert not await importing._do(running, 1)
    with pytest.raises(BadValue, match="is over"):
        await imports.cancel(org_id, uploaded.id)
    await importing.work()
    assert await groups.count(org_id, Audience(filter="")) == CHUNK
    await importing.prune()
    assert await database.read(lambda c: import_sql.waiting_chunks(c, uploaded.id)) == 0
    assert (await imports.find(org_id, uploaded.id)).created == CHUNK


async def test_a_file_that_is_stopped_while_it_comes_in_stays_stopped(
    imports: Imports, importing: Importing, database: Database, org_id: str, monkeypatch: pytest.MonkeyPatch
):
    add_chunk = import_sql.add_chunk

    def stopped_meanwhile(connection: Connection, items: Sequence[tuple[str, int, Sequence[Row]]]) -> list[None]:
        import_sql.cancel(connection, [(org_id, import_id, 1.0) for import_id, number, _ in items if number == 1])
        return add_chunk(connection, items)

    monkeypatch.setattr(import_sql, "add_chunk", stopped_meanwhile)
    rows = "".join(f"N{n};n{n}@firm.example\n" for n in range(3 * CHUNK))
    with pytest.raises(BadValue, match="stopped this import while the file came in: upload the file again"):
        await imports.upload(org_id, "x", pieces(rows.encode()))
    (stopped,) = await imports.latest(org_id)
    assert stopped.state is ImportState.CANCELLED
    with pytest.raises(BadValue, match="is over"):
        await imports.cancel(org_id, stopped.id)
    await importing.prune()
    assert await database.read(lambda c: import_sql.waiting_chunks(c, stopped.id)) == 0


WORKER = """
import asyncio, sys
from campaigns.contacts import Contacts
from campaigns.imports.importing import Importing
from gateway.model import SystemClock
from gateway.store.opening import open_database

async def main():
    clock = SystemClock()
    database = await open_database(sys.argv[1])
    importing = Importing(database=database, contacts=Contacts(database, clock), clock=clock, rest=0.0)
    print("ready", flush=True)
    await importing.work()

asyncio.run(main())
"""


@pytest.mark.proves("kill -9")
async def test_killed_in_the_middle_again_and_again_every_row_is_there_once(
    imports: Imports, importing: Importing, groups: Groups, database: Database, database_url: str, org_id: str
):
    people, repeated = 40 * CHUNK, 300
    lines = [f"P{n};+45{20_000_000 + n};p{n}@firm.example" for n in range(people)]
    lines += [f"P{n};+45{20_000_000 + n};p{n}@firm.example" for n in random.Random(1).sample(range(people), repeated)]
    lines += ["broken;12;"] * 40
    random.Random(2).shuffle(lines)
    uploaded = await imports.upload(org_id, "x", pieces("\n".join(["Name;Phone;Mail", *lines]).encode()))
    await imports.start(org_id, uploaded.id, await imports.plan(org_id, uploaded.id))
    kills = 0
    for _ in range(4):
        before = (await imports.find(org_id, uploaded.id)).done_chunks
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, database_url], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        try:
            while worker.poll() is None and (await imports.find(org_id, uploaded.id)).done_chunks < before + 3:
                await asyncio.sleep(0.01)
        finally:
            kills += worker.poll() is None
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()
    halfway = await imports.find(org_id, uploaded.id)
    assert kills >= 3
    assert halfway.state is ImportState.RUNNING
    await asyncio.gather(importing.work(), importing.work())
    done = await imports.find(org_id, uploaded.id)
    assert (done.state, counts(done)) == (ImportState.FINISHED, (people, 0, repeated, 40))
    assert await groups.count(org_id, Audience(filter="")) == people
    assert len(await whole(imports.refused(org_id, uploaded.id))) == 41
    assert await database.read(lambda c: import_sql.waiting_chunks(c, uploaded.id)) == 0


@pytest.mark.proves("vCards")
async def test_vcards_come_in_by_the_same_rule(imports: Imports, contacts: Contacts, org_id: str):
    known = await contacts.add(
        org_id, Draft("Known", phones=(Point("+4530643061"),), attributes={"city": "Aarhus", "born": "1988-12-24"})
    )
    written = vcards.write(await contacts.find(org_id, known))
    cards = (
        written
        + "BEGIN:VCARD\nFN:New\nTEL:20304050\nX-BREVDUE-SHOE:42\nEND:VCARD\nBEGIN:VCARD\nFN:Bad\nTEL:1\nEND:VCARD\n"
    )
    merged, refused = await imports.cards(org_id, cards.replace("FN:Known", "FN:Known Better").encode())
    assert (len(merged.new), merged.updates, [each.line for each in refused]) == (1, 1, [3])
    found = await contacts.find(org_id, known)
    assert (found.name, found.attributes) == ("Known Better", {"city": "Aarhus", "born": "1988-12-24"})
    assert not found.no_sms


@pytest.mark.proves("vCards")
async def test_the_mark_that_somebody_gets_no_sms_comes_with_a_card_and_stays_without(
    imports: Imports, contacts: Contacts, org_id: str, other_org_id: str
):
    marked = await contacts.add(org_id, Draft("Marked", phones=(Point("+4530643061"),), no_sms=True))
    card = vcards.write(await contacts.find(org_id, marked))
    assert "\r\nX-BREVDUE-NO-SMS:1\r\n" in card
    merged, _ = await imports.cards(other_org_id, card.encode())
    assert [draft.no_sms for draft in merged.new] == [True]
    (there,) = await contacts.with_phone(other_org_id, "+4530643061")
    await imports.cards(other_org_id, card.replace("X-BREVDUE-NO-SMS:1\r\n", "").encode())
    assert (await contacts.find(other_org_id, there)).no_sms
