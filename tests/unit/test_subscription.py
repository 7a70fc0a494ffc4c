"""Who may open an account by mail: a leaked key is useless elsewhere."""

from __future__ import annotations

import pytest

from gateway.model import Proof, ProofMethod
from gateway.registry.subscription import Subscription, judge, organisation_of

pytestmark = [pytest.mark.proves("D5"), pytest.mark.proves("leaked key is useless")]


def proof(method: ProofMethod, domain: str = "firma.dk") -> Proof:
    return Proof(method, domain, "")


OUTSIDE = [ProofMethod.SPF, ProofMethod.DKIM, ProofMethod.ARC]
INSIDE = [ProofMethod.LOGIN, ProofMethod.TRUSTED, ProofMethod.NONE]


@pytest.mark.parametrize("method", INSIDE)
def test_whom_somebody_inside_vouches_for_may_always(method: ProofMethod) -> None:
    assert judge("bo@elsewhere.se", proof(method), ["firma.dk"], ["al@firma.dk"]) == Subscription(allowed=True)
    assert judge("bo@elsewhere.se", proof(method), [], []) == Subscription(allowed=True)


@pytest.mark.parametrize("method", OUTSIDE)
@pytest.mark.parametrize(
    ("email", "domains", "neighbours", "verdict"),
    [
        ("bo@firma.dk", ["firma.dk"], [], Subscription(allowed=True)),
        ("bo@salg.firma.dk", ["firma.dk"], [], Subscription(allowed=True)),
        ("bo@firma.dk", ["mail.firma.dk"], [], Subscription(allowed=True)),
        ("bo@FIRMA.DK", ["other.se", "firma.dk"], [], Subscription(allowed=True)),
        ("bo@blåbær.dk", ["xn--blbr-roah.dk"], [], Subscription(allowed=True)),
        ("bo@xn--blbr-roah.dk", ["blåbær.dk"], [], Subscription(allowed=True)),
        ("eve@evilfirma.dk", ["firma.dk"], [], Subscription(allowed=False)),
        ("eve@firma.dk.evil.net", ["firma.dk"], [], Subscription(allowed=False)),
        ("eve@other.co.uk", ["firm.co.uk"], [], Subscription(allowed=False)),
        ("eve@co.uk", ["firm.co.uk"], [], Subscription(allowed=False)),
        ("eve@evil.net", ["firma.dk"], ["guest@evil.net"], Subscription(allowed=False)),
        ("bo@firma.dk", [], ["al@firma.dk"], Subscription(allowed=True)),
        ("eve@evil.net", [], ["al@firma.dk"], Subscription(allowed=False)),
        ("bo@firma.dk", [], [], Subscription(allowed=True, learn="firma.dk")),
        ("bo@salg.firm.co.uk", [], [], Subscription(allowed=True, learn="firm.co.uk")),
        ("bo@intranet", [], [], Subscription(allowed=True, learn="intranet")),
    ],
)
def test_a_proof_of_the_domain_opens_only_the_keys_own(
    method: ProofMethod, email: str, domains: list[str], neighbours: list[str], verdict: Subscription
) -> None:
    assert judge(email, proof(method), domains, neighbours) == verdict


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("a@b@salg.firma.dk", "firma.dk"),
        ("x.firma.dk.", "firma.dk"),
        ("a@straße.example", "xn--strae-oqa.example"),
        ("a@[192.0.2.1]", "[192.0.2.1]"),
    ],
)
def test_the_registered_domain(address: str, domain: str) -> None:
    assert organisation_of(address) == domain
