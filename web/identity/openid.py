"""Sign-in by an OpenID Connect provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0 §3.1).

`begin` says where to send the browser and what it must bring back; `finish` takes what the provider sent it back with
and gives the claims of an id_token whose signature, issuer, audience, times and nonce were checked. What belongs to one
attempt travels sealed in the browser's cookie: no row is kept for attempts that nobody finishes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import jwt

from gateway.keyring import Keyring, KeyringError
from gateway.model import Clock
from gateway.settings import OpenIdSettings
from web.identity.errors import DeadForm, ProviderAway, ProviderRefused

ATTEMPT_SECONDS = 900
"""Time to sign in at the provider."""
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key that only the provider has: neither "none" nor one by the client's secret (RFC 8725 §3.1)."""
_LEEWAY = 60
"""Seconds by which clocks may differ."""
_METADATA_SECONDS = 3600.0
_KEYS_SECONDS = 60.0
"""An unknown key is looked for at the provider this often, and no more."""
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_MAX_BODY = 262_144
_ABOUT = "openid attempt"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a provider vouches for."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where to send the browser, and what it keeps until it comes back."""

    url: str
    sealed: str


class OpenId:
    """One provider."""

    def __init__(self, settings: OpenIdSettings, keyring: Keyring, clock: Clock, redirect_uri: str) -> None:
        self._settings = settings
        self._keyring = keyring
        self._clock = clock
        self._redirect_uri = redirect_uri
        self._issuer = settings.issuer
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, dict[str, Any]] | None = None

    async def begin(self, to: str) -> Beginning:
        """Begin an attempt of somebody who wants to go to a page of ours. Raises ProviderAway."""
        metadata = await self._provider()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "to": to, "at": self._clock.now()}
        target = metadata["authorization_endpoint"]
        url = f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(asked)}"
        return Beginning(url, self._keyring.seal(json.dumps(kept), _ABOUT))

    async def finish(self, given: Mapping[str, str], sealed: str) -> tuple[Claims, str]:
        """The claims, and where somebody wanted to go. Raises ProviderRefused, ProviderAway, DeadForm."""
        kept = self._kept(sealed)
        if not hmac.compare_digest(given.get("state", "").encode(), kept["state"].encode()):
            raise DeadForm
        if given.get("iss", self._issuer) != self._issuer:  # RFC 9207 §2.4
            raise ProviderRefused("issuer")
        if "error" in given or not given.get("code"):
            raise ProviderRefused(given.get("error", "no code"))
        answer = await self._redeem(given["code"], kept["verifier"])
        claims = await self._checked(str(answer.get("id_token", "")), kept["nonce"])
        if "email" not in claims:
            claims = await self._with_user_info(claims, str(answer.get("access_token", "")))
        return (
            Claims(
                issuer=self._issuer,
                subject=str(claims["sub"]),
                email=str(claims.get("email", "")),
                email_verified=claims.get("email_verified") is True,
                name=str(claims.get("name", ""))[:100],
            ),
            str(kept["to"]),
        )

    def _kept(self, sealed: str) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads(self._keyring.open(sealed, _ABOUT))
        except KeyringError as error:
            raise DeadForm from error
        if not 0 <= self._clock.now() - kept["at"] <= ATTEMPT_SECONDS:
            raise DeadForm
        return kept

    # --- tokens ------------------------------------------------------------------------------------------------

    async def _redeem(self, code: str, verifier: str) -> dict[str, Any]:
        """Exchange a code (RFC 6749 §4.1.3, RFC 7636 §4.5)."""
        metadata, settings = await self._provider(), self._settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        headers = {}
        if settings.client_secret and "client_secret_basic" in methods:
            # Written as in a form first (RFC 6749 §2.3.1).
            basic = aiohttp.encode_basic_auth(_form(settings.client_id), _form(settings.client_secret))
            headers = {"Authorization": basic}
        else:
            form["client_id"] = settings.client_id
            if settings.client_secret:
                form["client_secret"] = settings.client_secret
        return await self._ask("POST", metadata["token_endpoint"], data=form, headers=headers)

    async def _checked(self, id_token: str, nonce: str) -> dict[str, Any]:
        """The claims of an id_token (OpenID Connect Core 1.0 §3.1.3.7)."""
        try:
            key = await self._key(jwt.get_unverified_header(id_token))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._settings.client_id,
                issuer=self._issuer,
                leeway=_LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise ProviderRefused(f"id_token: {type(error).__name__}") from error
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise ProviderRefused("id_token: nonce")
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise ProviderRefused("id_token: azp")
        return claims

    async def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The provider's key that a token names; keys change, so an unknown one is looked for anew."""
        known, now = self._keys, time.monotonic()
        found = _chosen(known[1], header) if known else None
        if found is None and (known is None or now - known[0] > _KEYS_SECONDS):
            self._keys = now, await self._ask("GET", (await self._provider())["jwks_uri"])
            found = _chosen(self._keys[1], header)
        if found is None:
            raise ProviderRefused("id_token: unknown key")
        return found

    async def _with_user_info(self, claims: dict[str, Any], access_token: str) -> dict[str, Any]:
        """Claims that are not in the id_token (§5.3); of the same person, or none."""
        endpoint = (await self._provider()).get("userinfo_endpoint")
        if not endpoint or not access_token:
            return claims
        more = await self._ask("GET", endpoint, headers={"Authorization": f"Bearer {access_token}"})
        if more.get("sub") != claims["sub"]:
            raise ProviderRefused("userinfo: sub")
        return {**more, **claims}

    # --- the provider ------------------------------------------------------------------------------------------

    async def _provider(self) -> dict[str, Any]:
        """Its metadata (OpenID Connect Discovery 1.0 §4), read anew each hour."""
        known, now = self._metadata, time.monotonic()
        if known is not None and now - known[0] < _METADATA_SECONDS:
            return known[1]
        found = await self._ask("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer:
            raise ProviderAway("its configuration names another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if urlsplit(str(found.get(name, ""))).scheme not in _schemes(self._issuer):
                raise ProviderAway(f"its configuration has no usable {name}")
        self._metadata = now, found
        return found

    async def _ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.request(method, url, allow_redirects=False, **options) as answer,
            ):
                body = await answer.content.read(_MAX_BODY)
                if answer.status != 200:
                    raise ProviderRefused(f"{urlsplit(url).path}: status {answer.status}")
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise ProviderAway(type(error).__name__) from error
        try:
            said = json.loads(body)
        except ValueError as error:
            raise ProviderAway("no JSON") from error
        if not isinstance(said, dict):
            raise ProviderAway("no JSON object")
        return said


def _chosen(keys: Mapping[str, Any], header: Mapping[str, Any]) -> jwt.PyJWK | None:
    """The key for signatures that a header names, or the only one where it names none."""
    listed = [each for each in keys.get("keys", []) if isinstance(each, dict) and each.get("use", "sig") == "sig"]
    named = [each for each in listed if each.get("kid") == header.get("kid")] if "kid" in header else listed
    usable = [each for each in named if each.get("kty") in {"RSA", "EC", "OKP"}]
    algorithm = header.get("alg")
    if len(usable) != 1 or algorithm not in _ALGORITHMS or usable[0].get("alg", algorithm) != algorithm:
        return None
    return jwt.PyJWK(usable[0], algorithm=str(algorithm))


def _schemes(issuer: str) -> frozenset[str]:
    """Plain http only where the issuer itself is on plain http, which settings allow on this machine alone."""
    return frozenset({"https"} if issuer.startswith("https:") else {"https", "http"})


def _form(text: str) -> str:
    return urlencode({"": text})[1:]
