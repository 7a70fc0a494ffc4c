"""An OpenID Connect provider that misbehaves on demand: `lie` changes what the next id_token says."""

from __future__ import annotations

import time
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "brevdue"


class LyingProvider:
    """Codes are given by `sign_in`, as if somebody had signed in there."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.claims: dict[str, Any] = {}
        """Laid over those of an honest token; None takes one out."""
        self.headers: dict[str, Any] = {}
        self.key_id = "one"
        self.algorithm = "RS256"
        self.signs_with: Any = self.key
        self.metadata: dict[str, Any] = {}
        self.user_info: dict[str, Any] | None = None
        self.token_status = 200
        self.asked: list[dict[str, str]] = []
        """What came to the token endpoint."""
        self._attempt: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/jwks", self._jwks)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.issuer = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()

    def sign_in(self, url: str) -> dict[str, str]:
        """Somebody signs in at the page that they were sent to; what they come back with."""
        self._attempt = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return {"code": "the code", "state": self._attempt["state"]}

    async def _configuration(self, _request: web.Request) -> web.Response:
        known = {name: f"{self.issuer}/{path}" for name, path in _ENDPOINTS.items()}
        return web.json_response({"issuer": self.issuer, **known, **self.metadata})

    async def _jwks(self, _request: web.Request) -> web.Response:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return web.json_response({"keys": [{**public, "kid": self.key_id, "use": "sig", "alg": "RS256"}]})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append({**form, "authorization": request.headers.get("Authorization", "")})
        now = int(time.time())
        honest = {
            "iss": self.issuer, "sub": "s1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": self._attempt["nonce"],
            "email": "anna@firm.example", "email_verified": True, "name": "Anna Hansen",
        }  # fmt: skip
        claims = {name: value for name, value in {**honest, **self.claims}.items() if value is not None}
        token = jwt.encode(claims, self.signs_with, self.algorithm, {"kid": "one", **self.headers})
        body = {"access_token": "a", "token_type": "Bearer", "id_token": token}
        return web.json_response(body, status=self.token_status)

    async def _userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer a"
        return web.json_response(self.user_info or {})


_ENDPOINTS = {
    "authorization_endpoint": "auth",
    "token_endpoint": "token",
    "jwks_uri": "jwks",
    "userinfo_endpoint": "userinfo",
}
