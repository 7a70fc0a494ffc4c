"""A field that is removed takes its values along: none stands in the database, and none shows in a field of its name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, select, update

from campaigns import contacts as contacts_module
from campaigns.contacts import Contacts
from campaigns.groups import Groups
from campaigns.model import Attribute, AttributeType, Audience, Draft, LinkedObject, Point
from campaigns.store import contact_sql, field_sql
from campaigns.store.schema import contact_facts, contact_objects
from campaigns.store.schema import contacts as contacts_table
from gateway.registry.errors import NotFound
from gateway.store.database import Database, alone

pytestmark = pytest.mark.proves("contacts")

SECRET = 'a "health": diagnosis'
HEALTH = Attribute("health", "Health", AttributeType.TEXT)
STORED = (contacts_table, contact_facts, contact_objects)


async def stored(database: Database) -> str:
    """All that is kept of contacts, as it stands."""
    rows = [row for table in STORED for row in await database.read(lambda c, t=table: c.execute(select(t)).all())]
    return str(rows).casefold()


async def people(contacts: Contacts, org_id: str, count: int = 5) -> list[int]:
    """Contacts that know of their health."""
    for each in (
        HEALTH,
        Attribute("health_", "Other", AttributeType.TEXT),
        Attribute("city", "By", AttributeType.TEXT),
    ):
        await contacts.define(org_id, each)
    known = {"health": SECRET, "city": 'Aarhus "health":', "health_": "kept"}
    return [await contacts.add(org_id, Draft(f"P{n}", attributes=known)) for n in range(count)]


async def test_its_values_are_gone_and_no_others(
    contacts: Contacts, groups: Groups, database: Database, org_id: str, other_org_id: str
):
    ids = await people(contacts, org_id)
    (theirs, *_) = await people(contacts, other_org_id, 1)
    await contacts.undefine(org_id, "", "health")
    assert (await stored(database)).count("diagnosis") == 2  # theirs, as it is written and as filters ask for it
    assert (await contacts.find(other_org_id, theirs)).attributes["health"] == SECRET
    await contacts.define(org_id, Attribute("health", "Health", AttributeType.NUMBER))
    found = await contacts.find(org_id, ids[-1])
    assert found.attributes == {"city": 'Aarhus "health":', "health_": "kept"}
    assert await groups.count(org_id, Audience(filter="health is empty and city ~ aarhus")) == len(ids)
    await contacts.edit(org_id, ids[-1], lambda draft: draft)
    with pytest.raises(NotFound, match="there is no field other"):
        await contacts.undefine(org_id, "", "other")


async def test_the_same_of_linked_objects(
    contacts: Contacts, groups: Groups, database: Database, org_id: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(contacts_module, "_SWEPT", 2)
    for key in ("note", "total"):
        await contacts.define(org_id, Attribute(key, key, AttributeType.TEXT, kind="order"))
    await contacts.define(org_id, Attribute("note", "Note", AttributeType.TEXT, kind="car"))
    ids = [await contacts.add(org_id, Draft(f"P{n}")) for n in range(4)]
    for contact_id in (*ids, ids[0], ids[0], ids[0]):
        await contacts.link(org_id, contact_id, LinkedObject("order", {"note": SECRET, "total": "3"}))
    await contacts.link(org_id, ids[1], LinkedObject("order", {"note": SECRET}))
    await contacts.link(org_id, ids[1], LinkedObject("car", {"note": "red diagnosis"}))
    await contacts.undefine(org_id, "order", "note")
    assert (await stored(database)).count("diagnosis") == 2
    await contacts.define(org_id, Attribute("note", "note", AttributeType.NUMBER, kind="order"))
    assert [dict(each.fields) for each in (await contacts.find(org_id, ids[0])).objects] == [{"total": "3"}] * 4
    assert await groups.count(org_id, Audience(filter="car.note ~ red and order.note is empty")) == 1


async def test_what_was_interrupted_goes_on_and_misses_nobody(
    contacts: Contacts, database: Database, org_id: str, monkeypatch: pytest.MonkeyPatch
):
    ids = await people(contacts, org_id, 7)
    monkeypatch.setattr(contacts_module, "_SWEPT", 2)
    sweep, swept = field_sql.sweep, []

    def killed(connection: Connection, items: Sequence[field_sql.Sweep]) -> list[int | None]:
        if len(swept) == 2:
            raise KeyError("killed")
        swept.extend(items)
        return sweep(connection, items)

    monkeypatch.setattr(field_sql, "sweep", killed)
    with pytest.raises(KeyError, match="killed"):
        await contacts.undefine(org_id, "", "health")
    known = ["health" in (await contacts.find(org_id, each)).attributes for each in ids]
    assert known == [False] * 4 + [True] * 3

    def written_meanwhile(connection: Connection, items: Sequence[field_sql.Sweep]) -> list[int | None]:
        swept.extend(items)
        found = sweep(connection, items)
        late = Draft("Late", attributes={"health": SECRET})
        contact_sql.store(connection, [contact_sql.Change(org_id, 1.0, [late], [(ids[0], late)])])
        return found

    monkeypatch.setattr(field_sql, "sweep", written_meanwhile)
    await contacts.undefine(org_id, "", "health")
    assert len(swept) > 5
    assert "diagnosis" not in await stored(database)
    assert (await contacts.find(org_id, ids[0])).name == "Late"


async def test_who_has_read_the_field_before_writes_none_of_it_behind(
    contacts: Contacts, database: Database, org_id: str
):
    (anna,) = await people(contacts, org_id, 1)
    draft = (await contacts.find(org_id, anna)).draft()
    await contacts.undefine(org_id, "", "health")
    await database.write(contact_sql.store, contact_sql.Change(org_id, 1.0, [draft], [(anna, draft)]))
    assert "diagnosis" not in await stored(database)


async def test_values_that_an_earlier_release_left_are_none_of_a_new_field(
    contacts: Contacts, database: Database, org_id: str
):
    anna = await contacts.add(org_id, Draft("Anna", phones=(Point("+4530643061"),)))
    left = update(contacts_table).values(attributes='{"health":"diagnosis"}')
    await database.write(alone(lambda connection: connection.execute(left)), None)
    await contacts.define(org_id, Attribute("health", "Health", AttributeType.NUMBER))
    assert (await contacts.find(org_id, anna)).attributes == {}
    assert "diagnosis" not in await stored(database)


async def test_a_removal_that_comes_late_leaves_a_field_of_the_same_name_alone(
    contacts: Contacts, database: Database, org_id: str
):
    (anna,) = await people(contacts, org_id, 1)
    name = field_sql.Named(org_id, "", "health")
    assert await database.write(field_sql.sweep, field_sql.Sweep(name, 1.0, 0, 100)) is None
    assert (await contacts.find(org_id, anna)).attributes["health"] == SECRET
