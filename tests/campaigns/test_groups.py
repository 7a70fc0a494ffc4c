"""Groups and audiences: what a filter asks is what it gets, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select
from sqlalchemy import text as statement

from campaigns.contacts import Contacts
from campaigns.counting import MOST_WAITING, Counting
from campaigns.filters.errors import BadFilter
from campaigns.filters.tree import Mark
from campaigns.groups import Groups
from campaigns.model import Attribute, AttributeType, Audience, Draft, LinkedObject, Point
from campaigns.store.filter_sql import Look, gather
from campaigns.store.schema import contacts as contact_table
from campaigns.store.schema import group_members
from campaigns.store.time_bound import TooSlow
from gateway.model import SystemClock
from gateway.registry.errors import BadValue, NotFound
from gateway.store.database import Database, alone

CITIES = ("Aarhus", "Odense", "Åbenrå")


class StoppedClock(SystemClock):
    """A clock that stands: whatever is made today is asked for on the same day."""

    def __init__(self) -> None:
        self._at = super().now()

    def now(self) -> float:
        return self._at


@pytest.fixture
def clock() -> SystemClock:
    return StoppedClock()


@pytest.fixture
async def people(contacts: Contacts, groups: Groups, org_id: str) -> dict[str, int]:
    """A dozen that differ in all that can be asked."""
    for key, kind in (
        ("city", AttributeType.TEXT),
        ("age", AttributeType.NUMBER),
        ("born", AttributeType.DATE),
        ("member", AttributeType.YES_NO),
    ):
        await contacts.define(org_id, Attribute(key, key, kind))
    await contacts.define(org_id, Attribute("total", "Total", AttributeType.NUMBER, kind="order"))
    await contacts.define(org_id, Attribute("status", "Status", AttributeType.TEXT, kind="order"))
    made: dict[str, int] = {}
    for n in range(12):
        attributes: dict[str, str | float | bool] = {"age": 20 + n} if n % 4 else {}
        if n % 3:
            attributes["city"] = CITIES[n % 3]
        if n % 5:
            attributes |= {"born": f"199{n % 10}-01-01", "member": n % 2 == 0}
        draft = Draft(
            f"P{n}",
            phones=(Point(f"+45306430{n:02}"),) if n % 2 else (),
            emails=(Point(f"p{n}@firm.example"),) if n % 7 == 0 else (),
            language="da" if n < 6 else "",
            no_sms=n == 5,
            attributes=attributes,
            tags=frozenset(name for name, step in (("vip", 2), ("new", 3)) if n % step == 0),
        )
        made[f"P{n}"] = await contacts.add(org_id, draft)
        for total in range(n % 4):
            await contacts.link(
                org_id,
                made[f"P{n}"],
                LinkedObject("order", {"total": total * 100, "status": "paid" if n % 2 else "open"}),
            )
    await contacts.give_consent(org_id, [made["P1"], made["P2"]], "News", how="web", wording="Yes")
    book = await contacts.book(org_id)
    listed = await groups.make(book, "Listed", None)
    await groups.add(org_id, listed.id, [made["P3"], made["P4"]])
    await groups.make(await contacts.book(org_id), "Old", "age > 27")
    return made


async def named(groups: Groups, org_id: str, text: str) -> list[str]:
    """Who is meant: counted and paged alike."""
    found = [each.name async for each in groups.everybody(org_id, Audience(filter=text))]
    assert await groups.count(org_id, Audience(filter=text)) == len(found), text
    return found


@pytest.mark.proves("filters", "groups")
async def test_what_filters_ask(groups: Groups, org_id: str, people: dict[str, int]):
    for text, names in {
        "city = AARHUS": "",
        "city = 'odense'": "P1 P4 P7 P10",
        "city ~ 'ENR' and age >= 25": "P5 P11",
        "city ^ å and not age >= 25": "P2 P8",
        "city != odense": "P0 P2 P3 P5 P6 P8 P9 P11",
        "city not in (odense, 'Åbenrå')": "P0 P3 P6 P9",
        "age is empty": "P0 P4 P8",
        "not age < 30": "P0 P4 P8 P10 P11",
        "born < 1993-01-01": "P1 P2 P11",
        "born > today": "",
        "born <= today - 1 and born > 1998-12-31": "P9",
        "member = no": "P1 P3 P7 P9 P11",
        "member != yes": "P0 P1 P3 P5 P7 P9 P10 P11",
        "tag: vip and tag: NEW": "P0 P6",
        "not tag: vip and not tag: new": "P1 P5 P7 P11",
        "consent: news": "P1 P2",
        "not consent: news and group: listed": "P3 P4",
        "group: OLD or group: Listed": "P3 P4 P9 P10 P11",
        "has: phone and has: email": "P7",
        "phone is empty and email is not empty": "P0",
        "phone ~ '5306430' and phone != '+4530643001'": "P3 P5 P7 P9 P11",
        "email = 'P7@FIRM.example'": "P7",
        "name in (p1, p2)": "P1 P2",
        "language = da and country = dk": "P1 P3 P5",
        "is: no_sms": "P5",
        "has: order": "P1 P2 P3 P5 P6 P7 P9 P10 P11",
        "order.total >= 200": "P3 P7 P11",
        "not order.total > 0": "P0 P1 P4 P5 P8 P9",
        "order.total != 0": "P0 P4 P8",
        "order.total is empty": "P0 P4 P8",
        "order: (total >= 100 and status = open)": "P2 P6 P10",
        "order: (not status = paid)": "P2 P6 P10",
        "not order: (total = 0) and age > 20": "",
        "created = today": "P0 P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11",
        "received: 'Spring'": "",
        "not received: 'Spring' and name = P1": "P1",
    }.items():
        assert await named(groups, org_id, text) == names.split(), text


def trees() -> st.SearchStrategy[str]:
    """Filters over all that there is, as text."""
    conditions = st.sampled_from(
        [
            "city = odense",
            "city != odense",
            "city is empty",
            "city ~ e",
            "age > 25",
            "age <= 25",
            "age in (21, 23)",
            "born < 1995-01-01",
            "member = yes",
            "tag: vip",
            "tag: new",
            "consent: news",
            "group: listed",
            "group: old",
            "has: phone",
            "has: order",
            "is: no_sms",
            "is: opted_out",
            "phone = '+4530643001'",
            "email ^ p",
            "name > p5",
            "order.total > 50",
            "order.total != 100",
            "order.total is empty",
            "order: (total > 50 and not status = paid)",
            "language = da",
            "country is empty",
            "received: x",
        ]
    )
    return st.recursive(
        conditions,
        lambda inner: st.one_of(
            inner.map(lambda text: f"not ({text})"),
            st.tuples(inner, inner).map(lambda both: f"({both[0]} and {both[1]})"),
            st.tuples(inner, inner).map(lambda both: f"({both[0]} or {both[1]})"),
        ),
        max_leaves=6,
    )


@pytest.mark.proves("filters")
async def test_any_nesting_is_true_or_false_and_never_neither(groups: Groups, org_id: str, people: dict[str, int]):
    everybody = set(people)
    loop = asyncio.get_running_loop()

    def who(text: str) -> set[str]:
        return set(asyncio.run_coroutine_threadsafe(named(groups, org_id, text), loop).result())

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(trees(), trees())
    def holds(one: str, other: str) -> None:
        first, second = who(one), who(other)
        assert who(f"not ({one})") == everybody - first
        assert who(f"({one}) and ({other})") == first & second
        assert who(f"({one}) or ({other})") == first | second

    await asyncio.to_thread(holds)


@pytest.mark.proves("groups", "C11")
async def test_an_audience_is_contacts_and_groups_without_others(
    groups: Groups, contacts: Contacts, org_id: str, people: dict[str, int]
):
    by_name = {group.name: group.id for group in await groups.all(org_id)}
    audience = Audience(contacts=(people["P0"], people["P11"]), groups=(by_name["Listed"],), without=(by_name["Old"],))
    assert [each.name async for each in groups.everybody(org_id, audience)] == ["P0", "P3", "P4"]
    assert await groups.count(org_id, audience) == 3
    first = await groups.page(org_id, audience, size=2)
    rest = await groups.page(org_id, audience, after=first[-1].contact_id, size=2)
    assert [each.name for each in [*first, *rest]] == ["P0", "P3", "P4"]
    assert await groups.count(org_id, Audience()) == 0

    left_out, listed, stranger = [await groups.why(org_id, audience, people[name]) for name in ("P11", "P3", "P1")]
    assert (left_out.meant, left_out.by_itself, [each.name for each in left_out.left_out_by]) == (False, True, ["Old"])
    assert (listed.meant, [each.name for each in listed.groups]) == (True, ["Listed"])
    assert (stranger.meant, stranger.by_itself, stranger.groups, stranger.by_filter) == (False, False, (), False)

    # A dynamic group is what its filter says when it is asked.
    await contacts.add(org_id, Draft("Late", attributes={"age": 99}))
    assert [each.name async for each in groups.everybody(org_id, Audience(groups=(by_name["Old"],)))][-1] == "Late"


@pytest.mark.proves("groups")
async def test_groups_are_named_once_changed_and_removed(
    groups: Groups, contacts: Contacts, org_id: str, people: dict[str, int]
):
    book = await contacts.book(org_id)
    old, listed = book.groups["old"], book.groups["listed"]
    with pytest.raises(BadValue, match="already"):
        await groups.make(book, " oLD ", "")
    with pytest.raises(BadFilter, match="there is no field nothing"):
        await groups.make(book, "New", "nothing = 1")
    with pytest.raises(BadFilter, match="asks for itself"):
        await groups.change(book, old, "Old", "age > 30 or group: old")
    around = await groups.make(book, "Around", "group: old and age > 1")
    with pytest.raises(BadFilter, match="asks for itself"):
        await groups.change(await contacts.book(org_id), old, "Old", "group: around")
    changed = await groups.change(book, old, "Older", "age > 29")
    assert (changed.id, await groups.count(org_id, Audience(groups=(old.id,)))) == (old.id, 2)
    with pytest.raises(BadValue, match="change the filter"):
        await groups.add(org_id, old.id, [people["P1"]])
    assert await groups.drop(org_id, listed.id, [people["P3"]]) == 1
    assert await groups.count(org_id, Audience(groups=(listed.id,))) == 1
    await groups.remove(org_id, listed.id)
    assert [each.name for each in await groups.all(org_id)] == ["Around", "Older"]
    # "Around" goes on asking for the group that is called otherwise now.
    assert (await groups.find(org_id, around.id)).filter == "group: Older and age > 1"
    assert await groups.count(org_id, Audience(groups=(around.id,))) == 2
    await groups.remove(org_id, old.id)
    # Whoever asks for what is gone is told, nobody is guessed.
    with pytest.raises(BadFilter, match="there is no group Older"):
        await groups.count(org_id, Audience(groups=(around.id,)))


@pytest.mark.proves("filters")
async def test_behaviour_is_asked_of_campaigns(
    database: Database, clock: SystemClock, org_id: str, people: dict[str, int]
):
    def received(of: str, name: str, _look: Look):
        if (of, name) != (org_id, "Spring"):
            return None
        return select(contact_table.c.id.label("contact_id")).where(contact_table.c.name.in_(["P1", "P2"]))

    groups = Groups(database, clock, {Mark.RECEIVED: received})
    assert await named(groups, org_id, "received: Spring") == ["P1", "P2"]
    assert len(await named(groups, org_id, "not received: Spring or name = P1")) == 11
    assert await named(groups, org_id, "received: Autumn or clicked: Spring") == []


@pytest.mark.proves("filters")
async def test_large_tables_are_joined_once_the_database_knows_them(
    database: Database, contacts: Contacts, groups: Groups, org_id: str, people: dict[str, int]
):
    on_postgres = await database.read(lambda connection: connection.dialect.name) == "postgresql"
    assert await database.read(gather) is (Look.JOINED if on_postgres else Look.GATHERED)
    group = await groups.make(await contacts.book(org_id), "Many", None)

    def crowd(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":  # its own housekeeping might come first
            connection.execute(statement("ALTER TABLE group_members SET (autovacuum_enabled = false)"))
        rows = [{"group_id": group.id, "contact_id": n, "added_at": 1.0} for n in range(1, 30_001)]
        connection.execute(insert(group_members), rows)

    await database.write(alone(crowd), None)
    assert await database.read(gather) is Look.GATHERED
    asked = "not group: Many and name = P1"
    assert await named(groups, org_id, asked) == ["P1"]
    if on_postgres:
        await database.write(alone(lambda connection: connection.execute(statement("ANALYZE group_members"))), None)
        assert await database.read(gather) is Look.JOINED
        assert await named(groups, org_id, asked) == ["P1"]


@pytest.mark.proves("filters", "groups")
async def test_whom_a_filter_means_is_looked_at(groups: Groups, org_id: str, people: dict[str, int]):
    count, first = await groups.look(org_id, Audience(filter="tag: vip"), 3)
    assert (count, [each.name for each in first]) == (6, ["P0", "P2", "P4"])
    assert await groups.look(org_id, Audience(filter="age > 99"), 3) == (0, [])
    assert await groups.look(org_id, Audience(filter=""), 0) == (12, [])


@pytest.mark.proves("groups")
async def test_a_list_is_filled_by_a_filter_and_what_uses_it_is_known(
    groups: Groups, contacts: Contacts, org_id: str, people: dict[str, int]
):
    listed = (await contacts.book(org_id)).groups["listed"]
    assert await groups.fill(org_id, listed.id, "tag: vip") == 6
    assert await groups.count(org_id, Audience(groups=(listed.id,))) == 7
    around = await groups.make(await contacts.book(org_id), "Around", "not (group: LISTED or age > 1)")
    uses = await groups.uses(org_id, listed)
    assert ([each.id for each in uses.groups], uses.campaigns) == ([around.id], ())
    assert not await groups.uses(org_id, around)
    with pytest.raises(BadValue, match="change the filter"):
        await groups.fill(org_id, around.id, "")


@pytest.mark.proves("filters")
async def test_no_filter_asks_for_more_than_it_may(groups: Groups, contacts: Contacts, org_id: str):
    """Groups within groups multiply: ten of them with a hundred conditions each would be a hundred to the tenth."""
    conditions = " or ".join(f"name ~ '{n}%_'" for n in range(400))
    assert await groups.count(org_id, Audience(filter=conditions)) == 0
    inner = await groups.make(await contacts.book(org_id), "g0", conditions)
    for n in range(1, 4):
        book = await contacts.book(org_id)
        twice = f"group: g{n - 1} or not group: g{n - 1}"
        with pytest.raises(BadFilter, match="too many conditions"):
            await groups.make(book, f"g{n}", twice)
        await groups.make(book, f"g{n}", f"group: g{n - 1} or name = x")
    values = ", ".join(f"v{n}" for n in range(499))
    for text in (
        "not " * 39 + "has: phone",
        f"name not in ({values})",
        "name = '" + "%" * 19_000 + "'",
        "name ~ '%' and name ~ '_' and name ~ '\\'",
        "name = '\u202e\ufeff\U0001f926'",
        " and ".join(f"group: '{inner.name}'" for _ in range(1)),
    ):
        await groups.count(org_id, Audience(filter=text))
    for text in (
        "name = 'a\0b'",
        "name = '\ud83d'",
        "(" * 41 + "has: phone" + ")" * 41,
        f"{conditions} or {conditions}",
    ):
        with pytest.raises(BadFilter):
            await groups.count(org_id, Audience(filter=text))


@pytest.mark.proves("filters")
async def test_wildcards_are_letters_like_others(groups: Groups, contacts: Contacts, org_id: str):
    for name in ("100%", "a_b", "a\\b", "aXb"):
        await contacts.add(org_id, Draft(name))
    for text, names in {
        "name ~ '%'": ["100%"],
        "name ~ '_'": ["a_b"],
        "name ^ 'a\\'": ["a\\b"],
        "name ~ 'a.*b'": [],
        "name = 'a_b'": ["a_b"],
    }.items():
        assert await named(groups, org_id, text) == names, text


@pytest.mark.proves("filters", "other organisations")
async def test_nothing_of_another_organisation_can_be_named(
    groups: Groups, contacts: Contacts, org_id: str, other_org_id: str
):
    await contacts.define(other_org_id, Attribute("secret", "Secret", AttributeType.TEXT))
    await contacts.add(other_org_id, Draft("Bo", tags=frozenset({"theirs"}), attributes={"secret": "x"}))
    theirs = await groups.make(await contacts.book(other_org_id), "Theirs", "")
    await contacts.add(org_id, Draft("Ours"))
    for text in ("group: Theirs", "secret = x", f"group: '{theirs.id}'"):
        with pytest.raises(BadFilter):
            await groups.count(org_id, Audience(filter=text))
    assert await groups.count(org_id, Audience(filter="tag: theirs or name = Bo")) == 0
    for refused in (groups.fill(org_id, theirs.id, ""), groups.add(org_id, theirs.id, [1])):
        with pytest.raises(NotFound):
            await refused
    with pytest.raises(NotFound):
        await groups.count(org_id, Audience(groups=(theirs.id,)))


@pytest.mark.proves("filters")
async def test_a_count_ends_in_time_and_one_runs_at_a_time(database: Database, org_id: str):
    """What scans for ever is ended, whoever waits behind it has a turn, and the connection serves others after it."""
    slow = statement(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000) SELECT count(*) FROM n"
    )
    counting = Counting(database, seconds=0.3)

    def forever(connection: Connection) -> object:
        return connection.execute(slow).scalar_one()

    def soon(connection: Connection) -> object:
        return connection.execute(statement("SELECT 1")).scalar_one()

    asked = [counting.read(org_id, each) for each in (forever, soon, forever, soon)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in ended] == [TooSlow, int, TooSlow, int]
    for _ in range(8):
        assert await database.read(soon) == 1
    many = [counting.read(org_id, soon) for _ in range(MOST_WAITING + 1)]
    refused = [each for each in await asyncio.gather(*many, return_exceptions=True) if each != 1]
    assert [str(each) for each in refused] == ["too many counts at once: wait a moment"]
