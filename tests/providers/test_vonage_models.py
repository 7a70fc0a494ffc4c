"""Vonage's own client library knows every field that we write and read, and asks for prices and balance as we do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vonage_account import Account
from vonage_account.requests import GetCountryPricingRequest
from vonage_http_client.auth import Auth
from vonage_sms.requests import SmsMessage
from vonage_sms.responses import SmsResponse

from gateway.money import Money
from tests.providers.contract import ID, NUMBER, PHONE, form_of, sms
from tests.providers.peer import Answer, Peer
from tests.providers.table_vonage import ACCOUNT, CONTRACT, KEY, answer, cost, taken
from tests.providers.test_contract import started

NAMES = {"from": "from_", "client-ref": "client_ref"}


class Asked:
    """The library's own client in place of one that makes requests: it notes what is asked, and how."""

    rest_host = "rest.nexmo.com"

    def __init__(self, said: Any) -> None:
        self.auth = Auth(api_key=KEY, api_secret=ACCOUNT)
        self.said = said
        self.calls: list[tuple[str, Any, str]] = []

    def get(self, host: str, path: str, params: Any = None, auth_type: str = "") -> Any:
        self.calls.append((path, params, auth_type))
        return self.said


@pytest.mark.proves("provider contract")
async def test_it_knows_what_we_send_and_we_what_it_answers(peer: Peer):
    told = taken()
    peer.script = [answer(told)]
    async with started(CONTRACT, peer.url) as provider:
        result = await provider.submit(sms())
    said = {name: value for name, value in form_of(peer.requests[0]).items() if name not in {"api_key", "api_secret"}}
    model = SmsMessage(**{NAMES.get(name, name): value for name, value in said.items()})
    assert model.model_dump(by_alias=True, exclude_none=True) == said | {"ttl": int(said["ttl"])}
    (message,) = SmsResponse(**json.loads(str(answer(told).body))).messages
    assert {name.replace("_", "-"): value for name, value in message if value is not None} == told
    assert result.refs == (message.message_id,)
    assert message.client_ref == ID


@pytest.mark.proves("asked beside sending")
async def test_it_asks_for_balance_and_prices_as_we_do(peer: Peer):
    library = Asked({"value": 10.28, "autoReload": False})
    assert Account(library).get_balance().value == 10.28
    library.said = json.loads(str(cost().body))
    priced = Account(library).get_country_pricing(GetCountryPricingRequest(country_code="DK"))
    peer.script = [Answer(200, '{"value": 10.28, "autoReload": false}'), cost()]
    async with started(CONTRACT, peer.url) as provider:
        assert await provider.balance() == Money(1028000, "EUR")
        assert await provider.price(sms().text, PHONE, NUMBER) == Money.of(priced.default_price, priced.currency)
    asked = [(request.target, request.headers["authorization"]) for request in peer.requests]
    (balance, _, kind), (price, params, _) = library.calls
    assert kind == "basic"
    assert asked == [
        (balance, library.auth.create_basic_auth_string()),
        (f"{price}?country={params['country']}", library.auth.create_basic_auth_string()),
    ]
