"""Groups in the browser's forms, without scripts: built line by line and as text, listed by hand, removed."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from campaigns.contacts import Contacts
from campaigns.model import Attribute, AttributeType, Draft, LinkedObject, Point
from tests.integration.pages.conftest import House

pytestmark = pytest.mark.proves("group pages")


class Form(HTMLParser):
    """The fields of the form with an id, as a browser sends them, and what its buttons say."""

    def __init__(self, page: str, form_id: str = "editor") -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.buttons: list[str] = []
        self._form_id = form_id
        self._inside = False
        self._select = self._area = ""
        self._chosen: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = said.get("id") == self._form_id
        if not self._inside:
            return
        if tag == "input" and (said.get("type") != "checkbox" or "checked" in said):
            self.fields.append((said["name"], said.get("value", "")))
        elif tag == "button":
            self.buttons.append(said.get("value", ""))
        elif tag == "select":
            self._select, self._chosen = said["name"], None
        elif tag == "option" and self._select and ("selected" in said or self._chosen is None):
            self._chosen = said.get("value", "")
        elif tag == "textarea":
            self._area = said["name"]
            self.fields.append((self._area, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            self.fields.append((self._select, self._chosen or ""))
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        elif tag == "form":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._area:
            name, value = self.fields[-1]
            self.fields[-1] = (name, value + data)

    def __getitem__(self, name: str) -> str:
        return next(value for known, value in self.fields if known == name)

    def names(self, letter: str) -> list[str]:
        """The fields of lines that begin with a letter: f, s, h, v, j."""
        return [name for name, _ in self.fields if re.fullmatch(rf"{letter}\d+", name)]

    def set(self, name: str, *values: str) -> None:
        self.fields = [each for each in self.fields if each[0] != name] + [(name, value) for value in values]


async def change(house: House, form: Form, act: str = "look", path: str = "/groups/build", status: int = 200) -> Form:
    """The form after a button was pressed."""
    page = await house.owner.send(path, [*form.fields, ("act", act)], status)
    return Form(page)


def counted(page: str) -> str:
    found = re.search(r'id="counted">\s*<p class="great">([^<]+)<', page)
    assert found is not None
    return found[1]


@pytest.fixture
async def contacts(house: House) -> Contacts:
    """Three people, one with orders."""
    rooms = house.site.rooms
    for org_id in (house.org.id, house.other_org.id):
        await rooms.contacts.define(org_id, Attribute("city", "City", AttributeType.TEXT))
        await rooms.contacts.define(org_id, Attribute("born", "Born", AttributeType.DATE))
        await rooms.contacts.define(org_id, Attribute("size", "Size", AttributeType.CHOICE, ("S", "XL")))
        await rooms.contacts.define(org_id, Attribute("total", "Total", AttributeType.NUMBER, kind="order"))
        for n, city in enumerate(("Aarhus", "Odense", "Aarhus")):
            tags = frozenset({"vip"}) if n else frozenset()
            draft = Draft(f"Person {n}", phones=(Point(f"+453064300{n}"),), attributes={"city": city}, tags=tags)
            made = await rooms.contacts.add(org_id, draft)
            if n == 2:
                await rooms.contacts.link(org_id, made, LinkedObject("order", {"total": "700"}))
    return rooms.contacts


async def test_a_group_is_built_line_by_line(house: House, contacts: Contacts):
    assert "No groups yet" in await house.owner.get("/groups")
    form = Form(await house.owner.get("/groups/build"))
    (field,) = form.names("f")
    form.set(field, "city")
    form = await change(house, form)
    assert form["text"] == "", "a value is still to be typed"
    form.set(field.replace("f", "v"), "aarhus")
    form = await change(house, form)
    assert form["text"] == "city = aarhus"
    form = await change(house, form, next(each for each in form.buttons if each.startswith("kind:")))
    inner = form.names("f")[-1]
    form.set(inner, "total")
    form = await change(house, form)
    form.set(inner.replace("f", "s"), ">")
    form.set(inner.replace("f", "v"), "500")
    page = await house.owner.send("/groups/build", [*form.fields, ("act", "look")], 200)
    form = Form(page)
    assert form["text"] == "city = aarhus and order: (total > 500)"
    assert counted(page) == "1"
    assert "Person 2" in page
    form.set("name", "Big in Aarhus")
    await house.owner.send("/groups/build", [*form.fields, ("act", "save")], 303)
    (group,) = await house.site.rooms.contact_groups.all(house.org.id)
    assert (group.name, group.filter) == ("Big in Aarhus", "city = aarhus and order: (total > 500)")
    shown = await house.owner.get(f"/groups/{group.id}")
    assert "Person 2" in shown
    assert "Person 0" not in shown
    assert "by conditions" in await house.owner.get("/groups")
    assert (await house.owner.get(f"/groups/{group.id}/count")).split() == ["1"]
    assert ("group.make", {"name": "Big in Aarhus"}) in await house.site.audited(house.org.id)


async def test_text_and_lines_follow_each_other(house: House, contacts: Contacts):
    form = Form(await house.owner.get("/groups/build"))
    form.set("text", "not (city = Odense or size in (S, XL)) and born > today - 9000 or tag: vip")
    form = await change(house, form)
    assert len(form.names("f")) == 4
    assert [form[name] for name in form.names("j")] == ["any", "all", "none"]
    assert [value for name, value in form.fields if name.startswith("v")] == ["Odense", "S", "XL", "9000", "vip"]
    form.set(form.names("j")[0], "all")
    form = await change(house, form)
    assert form["text"] == "(not (city = Odense or size in (S, XL)) and born > today - 9000) and tag: vip"
    form = await change(house, form, "remove:" + form.names("j")[1][1:])
    assert form["text"] == "tag: vip"


async def test_mistakes_are_told_where_they_are(house: House, contacts: Contacts):
    form = Form(await house.owner.get("/groups/build"))
    form.set("text", "city = Aarhus andd tag: vip")
    page = await house.owner.send("/groups/build", [*form.fields, ("act", "look")], 200)
    assert "<mark>andd</mark>" in page
    assert "cannot be counted" in page
    wrong = Form(page)
    assert wrong["text"] == "city = Aarhus andd tag: vip", "what was typed stays"
    assert (await change(house, wrong, "save", status=422))["text"] == wrong["text"]
    assert (await change(house, wrong, "back"))["text"] == ""
    form.set("text", "<script>alert(1)</script>")
    assert "<script>alert(1)" not in await house.owner.send("/groups/build", [*form.fields, ("act", "look")], 200)
    form = Form(await house.owner.get("/groups/build?filter=born+%3D+2000-01-01"))
    form.set(form.names("v")[0], "soon")
    page = await house.owner.send("/groups/build", [*form.fields, ("act", "look")], 200)
    assert "soon is not a date" in page
    form = Form(await house.owner.get("/groups/build"))
    page = await house.owner.send("/groups/build", [*form.fields, ("act", "save")], 422)
    assert "Choose what it is about." in page
    form = await change(house, form, "remove:" + form.names("f")[0][1:])
    page = await house.owner.send("/groups/build", [*form.fields, ("act", "save")], 422)
    assert "a group has a name" in page


async def test_a_filter_that_is_too_large_is_changed_as_text(house: House, contacts: Contacts):
    text = " or ".join(f"city = x{n}" for n in range(200))
    form = Form(await house.owner.get("/groups/build"))
    form.set("text", text)
    form = await change(house, form)
    assert form["text"] == text
    assert form.names("f") == []
    form.set("name", "Large")
    await house.owner.send("/groups/build", [*form.fields, ("act", "save")], 303)
    (group,) = await house.site.rooms.contact_groups.all(house.org.id)
    assert group.filter == text


async def test_a_list_is_filled_by_hand_and_by_a_filter(house: House, contacts: Contacts):
    await house.owner.post("/groups/new", 422, name=" ")
    await house.owner.post("/groups/new", name="Invited")
    (group,) = await house.site.rooms.contact_groups.all(house.org.id)
    here = f"/groups/{group.id}"
    assert "Nobody is in this group yet" in await house.owner.get(here)
    found = await house.owner.get(f"{here}/add?q=Person+1")
    (contact,) = re.findall(r'name="chosen" value="(\d+)"', found)
    await house.owner.post(f"{here}/add", chosen=contact)
    assert "Person 1" in await house.owner.get(here)
    assert "there is no field" in await house.owner.post(f"{here}/add", 422, by="filter", filter="town = x")
    await house.owner.post(f"{here}/add", by="filter", filter="city = aarhus")
    assert (await house.owner.get(f"{here}/count")).split() == ["3"]
    await house.owner.post(f"{here}/drop", contact=contact)
    assert "Person 1" not in await house.owner.get(here)
    others = await house.site.rooms.contacts.with_phone(house.other_org.id, "+4530643000")
    await house.owner.post(f"{here}/add", chosen=str(others[0]))
    assert (await house.owner.get(f"{here}/count")).split() == ["2"], "another organisation's contact is none"


async def test_who_uses_a_group_is_said_before_it_goes(house: House, contacts: Contacts):
    await house.owner.post("/groups/new", name="Invited")
    book = await contacts.book(house.org.id)
    groups = house.site.rooms.contact_groups
    around = await groups.make(book, "Around", "group: invited and tag: vip")
    invited = next(each for each in await groups.all(house.org.id) if each.name == "Invited")
    assert "Around" in await house.owner.get(f"/groups/{invited.id}/remove")
    assert "Around" in await house.owner.get(f"/groups/{invited.id}/rename")
    assert "already" in await house.owner.post(f"/groups/{invited.id}/rename", 422, name="around")
    await house.owner.post(f"/groups/{invited.id}/rename", name="Guests")
    assert (await groups.find(house.org.id, around.id)).filter == "group: Guests and tag: vip"
    await house.owner.post(f"/groups/{invited.id}/remove")
    assert [each.name for each in await groups.all(house.org.id)] == ["Around"]
    assert "there is no group Guests" in await house.owner.get(f"/groups/{around.id}")
    assert "there is no group Guests" in await house.owner.get(f"/groups/{around.id}/count")
    await house.owner.get(f"/groups/{invited.id}", 404)


@pytest.mark.proves("tenants")
async def test_another_organisation_s_groups_are_not_there(house: House, contacts: Contacts):
    theirs = await house.site.rooms.contact_groups.make(await contacts.book(house.other_org.id), "Theirs", "tag: vip")
    for path in ("", "/filter", "/rename", "/remove", "/add", "/count"):
        await house.owner.get(f"/groups/{theirs.id}{path}", 404)
    form = Form(await house.owner.get("/groups/build"))
    form.set("org", house.other_org.id)
    form.set("text", "group: theirs")
    page = await house.owner.send("/groups/build", [*form.fields, ("act", "look")], 200)
    assert "there is none called theirs" in page
    assert "Theirs" in await house.operator.get(f"/groups?org={house.other_org.id}")


@pytest.mark.proves("readers change nothing")
async def test_a_reader_looks_and_changes_nothing(house: House, contacts: Contacts):
    made = await house.site.rooms.contact_groups.make(await contacts.book(house.org.id), "Ours", "tag: vip")
    assert "/groups/build" not in await house.reader.get("/groups")
    assert "Person 1" in await house.reader.get(f"/groups/{made.id}")
    for path in ("/groups/build", "/groups/new", f"/groups/{made.id}/filter", f"/groups/{made.id}/remove"):
        await house.reader.get(path, 403)
        await house.reader.post(path, 403)
