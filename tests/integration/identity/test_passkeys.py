"""Passkeys: what no device of the person has answered is believed of nobody. What devices answer is proven in a browser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.registry.errors import NotFound
from tests.integration.identity.conftest import House
from web.identity.errors import DeadForm, WrongPasskey
from web.identity.model import Passkey, Person
from web.identity.passkeys import Passkeys
from web.store import passkey_sql

pytestmark = pytest.mark.proves("passkeys")
NONSENSE = ("", "{}", "[]", "null", '"x"', "{" * 50_000, json.dumps({"id": "AAAA"}), json.dumps({"id": ["x"]}))


async def kept(house: House, person: Person, passkey_id: str = "AAAA") -> Passkey:
    passkey = Passkey(passkey_id, person.id, "oWE", 3, "phone", house.clock.now())
    assert await house.database.write(passkey_sql.put, passkey)
    return passkey


@pytest.mark.parametrize(
    ("public_url", "possible"),
    [
        ("https://sms.example", True),
        ("https://sms.example:8443", True),
        ("http://localhost:8025", True),
        ("http://sms.example", False),
        ("http://127.0.0.1:8025", False),
        ("https://192.0.2.1", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_browsers_know_them_by_name_and_on_https(public_url: str, possible: bool) -> None:
    nothing: Any = None
    assert Passkeys(nothing, nothing, nothing, public_url).are_possible is possible


async def test_answers_that_no_device_gave_let_nobody_in(house: House) -> None:
    passkeys, anna = house.identity.passkeys, await house.person()
    await kept(house, anna)
    unlike = {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}}
    for answer in (*NONSENSE, json.dumps(unlike)):
        with pytest.raises(WrongPasskey):
            await passkeys.whose(passkeys.ask_any().sealed, answer)
        with pytest.raises(WrongPasskey):
            await passkeys.keep(anna, (await passkeys.ask_new(anna)).sealed, answer, "")


async def test_a_question_is_of_its_person_its_purpose_and_its_time(house: House) -> None:
    passkeys, anna, eva = house.identity.passkeys, await house.person(), await house.person("eva@firm.example")
    new, sign_in = (await passkeys.ask_new(anna)).sealed, passkeys.ask_any().sealed
    for sealed in (sign_in, "", new[:-4] + "AAAA"):
        with pytest.raises(DeadForm):
            await passkeys.keep(anna, sealed, "{}", "")
    with pytest.raises(DeadForm):
        await passkeys.keep(eva, new, "{}", "")
    with pytest.raises(DeadForm):
        await passkeys.whose(new, "{}")
    house.clock.time += 901
    with pytest.raises(DeadForm):
        await passkeys.keep(anna, new, "{}", "")
    with pytest.raises(DeadForm):
        await passkeys.whose(sign_in, "{}")


async def test_a_question_names_our_host_and_what_the_person_has(house: House) -> None:
    passkeys, anna = house.identity.passkeys, await house.person()
    await kept(house, anna)
    asked = json.loads((await passkeys.ask_new(anna)).options)
    assert asked["rp"]["id"] == "sms.example"
    assert [each["id"] for each in asked["excludeCredentials"]] == ["AAAA"]
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    first, second = (json.loads(passkeys.ask_any().options) for _ in range(2))
    assert first["userVerification"] == "required"
    assert first["challenge"] != second["challenge"]


async def test_one_use_counts_once_and_others_remove_nothing(house: House) -> None:
    passkeys, anna, eva = house.identity.passkeys, await house.person(), await house.person("eva@firm.example")
    passkey = await kept(house, anna)
    assert not await house.database.write(passkey_sql.put, passkey)
    used = (passkey.id, 3, 4, house.clock.now())
    assert [await house.database.write(passkey_sql.use, used) for _ in range(2)] == [True, False]
    with pytest.raises(NotFound):
        await passkeys.remove(eva, passkey.id)
    await passkeys.remove(anna, passkey.id)
    await kept(house, anna, "BBBB")
    await passkeys.remove_all(anna)
    assert await passkeys.list_passkeys(anna) == []
