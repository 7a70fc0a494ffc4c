"""Sign-in by OpenID Connect, by a provider that lies: nothing that is not quite right lets anybody in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.accounts import Accounts
from gateway.model import SystemClock
from gateway.settings import DialogSettings, OpenIdSettings, PoolSettings
from tests.integration.identity.conftest import House
from tests.integration.identity.openid_provider import CLIENT, LyingProvider
from web.identity import openid
from web.identity.errors import DeadForm, ProviderAway, ProviderRefused
from web.identity.model import Person
from web.identity.openid import ATTEMPT_SECONDS, OpenId
from web.identity.roles import Role
from web.identity.single_sign_on import SingleSignOn

pytestmark = pytest.mark.proves("OpenID Connect")
BACK = "https://sms.example/sign-in/sso/back"


@pytest.fixture
async def provider() -> AsyncIterator[LyingProvider]:
    async with LyingProvider() as started:
        yield started


def sign_on(house: House, provider: LyingProvider, **options: Any) -> SingleSignOn:
    settings = OpenIdSettings(
        **{"issuer": provider.issuer, "client_id": CLIENT, "client_secret": "s:e%c r=t", **options}
    )
    pool = PoolSettings(provider="simulator", range="+45609946000000..+45609946999999")
    accounts = Accounts(house.database, house.keyring, [pool], DialogSettings(), SystemClock(), ())
    asks = OpenId(settings, house.keyring, house.clock, BACK)
    return SingleSignOn(settings, asks, house.identity.people, accounts, house.database, house.clock)


async def came_back(sso: SingleSignOn, provider: LyingProvider, **altered: str) -> Person:
    beginning = await sso.begin("/accounts")
    given = {**provider.sign_in(beginning.url), **altered}
    person, to = await sso.finish(given, beginning.sealed, "192.0.2.1")
    assert to == "/accounts"
    return person


async def test_what_is_asked_of_the_provider(house: House, provider: LyingProvider) -> None:
    anna = await house.person()
    sso = sign_on(house, provider)
    beginning = await sso.begin("/")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(beginning.url).query).items()}
    assert (asked["response_type"], asked["redirect_uri"], asked["client_id"]) == ("code", BACK, CLIENT)
    assert "openid" in asked["scope"].split()
    assert await came_back(sso, provider) == anna
    [redeemed] = provider.asked
    challenge = provider._attempt["code_challenge"]
    digest = hashlib.sha256(redeemed["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
    assert redeemed["authorization"] == "Basic " + base64.b64encode(b"brevdue:s%3Ae%25c+r%3Dt").decode()
    again = await sso.begin("/")
    assert not set(parse_qs(urlsplit(again.url).query)["state"]) & {asked["state"]}


@pytest.mark.parametrize(
    "lie",
    [
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"aud": "another client"}},
        {"claims": {"aud": None}},
        {"claims": {"exp": 1_700_000_000}},
        {"claims": {"exp": None}},
        {"claims": {"iat": 4_000_000_000}},
        {"claims": {"nonce": "of another attempt"}},
        {"claims": {"nonce": None}},
        {"claims": {"sub": None}},
        {"claims": {"aud": [CLIENT, "x"], "azp": "x"}},
        {"claims": {"email_verified": False}},
        {"claims": {"email_verified": "true"}},
        {"claims": {"email": "anna@firm.example@evil.example"}},
        {"claims": {"email": ""}},
        {"claims": {"email": "nobody@firm.example"}},
        {"headers": {"kid": "two"}},
        {"algorithm": "none", "signs_with": None},
        {"algorithm": "HS256", "signs_with": "the public key is no secret, and as long as this here"},
        {"signs_with": "other"},
        {"token_status": 400},
    ],
    ids=str,
)
async def test_a_token_that_is_not_quite_right_lets_nobody_in(
    house: House, provider: LyingProvider, lie: dict[str, Any]
) -> None:
    await house.person()
    for name, value in lie.items():
        setattr(provider, name, provider.other_key if value == "other" else value)
    with pytest.raises(ProviderRefused):
        await came_back(sign_on(house, provider), provider)


async def test_an_attempt_is_of_one_browser_and_of_its_time(house: House, provider: LyingProvider) -> None:
    await house.person()
    sso = sign_on(house, provider)
    first, second = await sso.begin("/"), await sso.begin("/")
    given = provider.sign_in(first.url)
    for sealed in (second.sealed, "", first.sealed[:-4] + "AAAA"):
        with pytest.raises(DeadForm):
            await sso.finish(given, sealed, "")
    for wrong in ({"state": "x"}, {}):
        with pytest.raises(DeadForm):
            await sso.finish(wrong, first.sealed, "")
    with pytest.raises(ProviderRefused):
        await sso.finish({**given, "iss": "https://evil.example"}, first.sealed, "")
    with pytest.raises(ProviderRefused):
        await sso.finish({"state": given["state"], "error": "access_denied"}, first.sealed, "")
    house.clock.time += ATTEMPT_SECONDS + 1
    with pytest.raises(DeadForm):
        await sso.finish(given, first.sealed, "")


async def test_a_provider_with_a_wrong_configuration_is_away(house: House, provider: LyingProvider) -> None:
    for metadata in ({"issuer": "https://evil.example"}, {"token_endpoint": "ftp://x"}, {"jwks_uri": None}):
        provider.metadata = metadata
        with pytest.raises(ProviderAway):
            await sign_on(house, provider).begin("/")
    with pytest.raises(ProviderAway):
        await sign_on(house, provider, issuer="http://127.0.0.1:9").begin("/")


async def test_keys_change_at_the_provider(
    house: House, provider: LyingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await house.person()
    sso = sign_on(house, provider)
    assert await came_back(sso, provider) == anna
    provider.key_id, provider.headers = "two", {"kid": "two"}
    with pytest.raises(ProviderRefused):  # it was asked a moment ago
        await came_back(sso, provider)
    monkeypatch.setattr(openid, "_KEYS_SECONDS", 0.0)
    assert await came_back(sso, provider) == anna


async def test_who_came_once_is_known_by_their_subject(house: House, provider: LyingProvider) -> None:
    anna, _ = await house.person(), await house.person("eva@firm.example")
    sso = sign_on(house, provider)
    assert await came_back(sso, provider) == anna
    provider.claims = {"email": "anna.new@firm.example", "email_verified": False}
    assert await came_back(sso, provider) == anna
    await house.identity.people.disable(anna)
    with pytest.raises(ProviderRefused):
        await came_back(sso, provider)


async def test_claims_may_come_from_userinfo_of_the_same_person(house: House, provider: LyingProvider) -> None:
    anna = await house.person()
    provider.claims = {"email": None, "email_verified": None}
    provider.user_info = {"sub": "another", "email": "anna@firm.example", "email_verified": True}
    with pytest.raises(ProviderRefused):
        await came_back(sign_on(house, provider), provider)
    provider.user_info["sub"] = "s1"
    assert await came_back(sign_on(house, provider), provider) == anna


async def test_new_people_are_made_by_rule_alone(house: House, provider: LyingProvider) -> None:
    provider.claims = {"email": "new@firm.example"}
    with pytest.raises(ProviderRefused):
        await came_back(sign_on(house, provider), provider)
    rule = {"allowed_domains": ("firm.example",), "create_role": "sender", "organisation": "Acme"}
    sso = sign_on(house, provider, **rule)
    made = await came_back(sso, provider)
    assert (made.email, made.role, made.org_id, made.has_password) == ("new@firm.example", Role.SENDER, "ACME", False)
    assert await came_back(sso, provider) == made
    provider.claims = {"email": "new@other.example", "sub": "s2"}
    with pytest.raises(ProviderRefused):
        await came_back(sso, provider)
