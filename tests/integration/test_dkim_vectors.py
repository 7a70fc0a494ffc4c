"""RFC 8463 appendix A: a mail that others signed, with the keys that the RFC publishes."""

from __future__ import annotations

import time

import pytest

from gateway.dns import DnsResolver
from gateway.mail_auth import MailAuth
from gateway.model import AddressKind, Envelope, Listener, LocalAddress, Peer, ProofMethod
from gateway.settings import DnsSettings, TrustSettings
from tests.dns_server import DnsServer

ED25519 = """\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
"""
RSA = """\
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
"""
MAIL = """\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
ZONE = {
    "brisbane._domainkey.football.example.com": {
        "TXT": ["v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="]
    },
    "test._domainkey.football.example.com": {
        "TXT": [
            (
                "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
                "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
                "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
                "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
            )
        ]
    },
}


@pytest.mark.proves("DKIM: every signature", "proven sender")
@pytest.mark.parametrize(
    ("signatures", "algorithm"),
    [(ED25519, "ed25519"), (RSA, "rsa"), (ED25519 + RSA, "ed25519"), (RSA + ED25519, "rsa")],
)
async def test_the_published_mail_proves_its_sender(signatures: str, algorithm: str) -> None:
    content = (signatures + MAIL).replace("\n", "\r\n").encode()
    suzie = LocalAddress(AddressKind.KEY, "suzie", "suzie@shopping.example.net")
    peer = Peer(ip="192.0.2.1", port=25, helo="mx.example.org", listener=Listener.SMTP)
    mail = Envelope("id", peer, "", (suzie,), content, time.time())
    async with DnsServer(ZONE) as server:
        resolver = DnsResolver(DnsSettings(servers=(server.address,)))
        proof = await MailAuth(TrustSettings(), resolver, ("shopping.example.net",)).prove(
            mail, "joe@football.example.com"
        )
    assert (proof.method, proof.domain) == (ProofMethod.DKIM, "football.example.com")
    assert proof.detail.startswith(f"{algorithm}-sha256")
