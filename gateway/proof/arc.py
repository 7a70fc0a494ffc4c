"""ARC (RFC 8617): what trusted forwarders say about a mail that they had to change.

Comes in: a mail's header and bytes, the domains of trusted sealers, and the TXT records of the chain's keys. Goes out:
the authentication results that trusted sealers recorded, provided that the whole chain is intact.
Promises: no network; nothing of a broken or untrusted chain is believed; the same rules as for DKIM hold for every
signature and key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import authres
from authres.core import AuthResError
from dkim import RE_BTAG
from dkim.canonicalization import Relaxed

from gateway.proof.alignment import ascii_domain
from gateway.proof.dkim import (
    BadSignatureError,
    BodyHashes,
    Signature,
    check_body,
    check_digest,
    check_fields,
    read_key,
    read_signature,
    read_tags,
    signature_algorithm,
    signature_domain,
)
from gateway.proof.signed_headers import Header

_MOST_SETS = 10
"""RFC 8617 §4.2.1 allows 50; nobody's mail passes ten sealing forwarders, and each costs a key look-up."""
_LARGEST_RESULTS = 8_192
_MOST_COMMENTS = 100
"""Characters and comments of one forwarder's results; those of the great mail hosts stay under 3,000 and 20."""
_INSTANCE = re.compile(rb"\s*i\s*=\s*(\d{1,2})\s*;(.*)", re.DOTALL)
_KINDS = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One forwarder's three fields, raw: what it saw, what it signed, its seal over the chain so far."""

    results: tuple[bytes, bytes]
    message: tuple[bytes, bytes]
    seal: tuple[bytes, bytes]
    seal_tags: Mapping[bytes, bytes]
    sealer: Signature
    """The seal's d=, s= and a=, in the form that a key is looked up by."""


@dataclass(frozen=True, slots=True)
class ArcChain:
    """A chain that is complete and whose latest sealers are trusted; its signatures are still to be checked."""

    sets: tuple[ArcSet, ...]
    message: Signature
    """The latest message signature: the one that fits the mail as it arrived."""
    trusted: int
    """How many of the latest sets were sealed, without a gap, by trusted sealers; at least 1."""

    @property
    def signatures(self) -> list[Signature]:
        """Everything that needs a key."""
        return [self.message, *(part.sealer for part in self.sets)]


def read_chain(header: Header, sealers: Collection[str], now: float) -> ArcChain | None:
    """Read the chain, None where there is none or its latest sealer is not trusted. Raises BadSignatureError."""
    found = _collect(header)
    if not found:
        return None
    sets = tuple(_read_set(found, instance) for instance in range(1, len(found) + 1))
    trusted = 0
    for part in reversed(sets):
        if part.sealer.domain not in sealers:
            break
        trusted += 1
    if not trusted:
        return None
    message = read_signature(sets[-1].message, now, arc=True)
    if message.domain != sets[-1].sealer.domain:
        raise BadSignatureError("the ARC set was signed and sealed by different domains")
    return ArcChain(sets, message, trusted)


def check_chain(chain: ArcChain, header: Header, bodies: BodyHashes, keys: Mapping[str, Sequence[bytes]]) -> None:
    """Verify the latest message signature and every seal (RFC 8617 §5.2). `keys` maps key names to TXT records.

    Raises BadSignatureError.
    """
    check_body(chain.message, bodies)
    check_fields(chain.message, header, read_key(keys[chain.message.key_name], chain.message))
    for count, part in enumerate(chain.sets, start=1):
        key = read_key(keys[part.sealer.key_name], part.sealer)
        check_digest(_seal_digest(chain.sets[:count]), part.seal_tags[b"b"], key)


def vouched(chain: ArcChain) -> Iterator[tuple[str, str, str]]:
    """Give (method, domain, sealer) for each pass that a trusted sealer of a verified chain recorded, latest first.

    Method "dmarc" speaks of the domain in From, "dkim" of the signer, "spf" of the reverse path.
    """
    for part in reversed(chain.sets[-chain.trusted :]):
        for method, domain in _passes(part.results[1]):
            yield method, domain, part.sealer.domain


def _collect(header: Header) -> dict[int, dict[bytes, tuple[bytes, bytes]]]:
    """Sort the fields by instance: 1..N without a gap, each kind once (RFC 8617 §5.2 step 3)."""
    found: dict[int, dict[bytes, tuple[bytes, bytes]]] = {}
    for source in header.fields:
        kind = source[0].lower()
        if kind not in _KINDS:
            continue
        instance = _instance(source)
        if kind in found.setdefault(instance, {}):
            raise BadSignatureError("an ARC set has a field twice")
        found[instance][kind] = source
    if len(found) > _MOST_SETS:
        raise BadSignatureError("the ARC chain is too long")
    if sorted(found) != list(range(1, len(found) + 1)) or any(len(part) < len(_KINDS) for part in found.values()):
        raise BadSignatureError("the ARC chain has gaps")
    return found


def _instance(source: tuple[bytes, bytes]) -> int:
    if source[0].lower() == b"arc-authentication-results":
        found = _INSTANCE.fullmatch(source[1])
        text = found[1] if found else b""
    else:
        text = read_tags(source[1]).get(b"i", b"")
    if not re.fullmatch(rb"[0-9]{1,2}", text):
        raise BadSignatureError("an ARC field has no instance number")
    return int(text)


def _read_set(found: Mapping[int, Mapping[bytes, tuple[bytes, bytes]]], instance: int) -> ArcSet:
    results, message, seal = (found[instance][kind] for kind in _KINDS)
    tags = read_tags(seal[1])
    if not {b"cv", b"a", b"b", b"d", b"s"} <= set(tags) or b"h" in tags:
        raise BadSignatureError("an ARC seal is malformed")
    if tags[b"cv"] != (b"none" if instance == 1 else b"pass"):
        raise BadSignatureError("the ARC chain was broken on its way")
    sealer = Signature(
        domain=signature_domain(tags[b"d"]),
        selector=signature_domain(tags[b"s"]),
        algorithm=signature_algorithm(tags[b"a"]),
        signed=(),
        canonicalization="relaxed/relaxed",
        tags={name: value for name, value in tags.items() if name != b"i"},
        source=seal,
    )
    return ArcSet(results, message, seal, tags, sealer)


def _seal_digest(sets: Sequence[ArcSet]) -> bytes:
    """Hash the chain up to a seal, that seal's own b= emptied and without its line end (RFC 8617 §5.1.1)."""
    last = sets[-1]
    fields = [field for part in sets for field in (part.results, part.message, part.seal)][:-1]
    fields.append((last.seal[0], RE_BTAG.sub(rb"\1", last.seal[1])))
    lines = [name + b":" + value for name, value in Relaxed.canonicalize_headers(fields)]
    return hashlib.sha256(b"".join(lines).removesuffix(b"\r\n")).digest()


_SPEAKS_FOR = {"dmarc": ("header", "from"), "dkim": ("header", "d"), "spf": ("smtp", "mailfrom")}


def _passes(results: bytes) -> Iterator[tuple[str, str]]:
    found = _INSTANCE.fullmatch(results)
    text = found[2].decode("utf-8", "replace") if found else ""
    if len(text) > _LARGEST_RESULTS or text.count("(") > _MOST_COMMENTS:
        return  # the library reads comments by recursion
    try:
        read = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {' '.join(text.split())}")
    except (AuthResError, ValueError, IndexError):
        return
    for result in read.results or ():
        wanted = _SPEAKS_FOR.get(result.method)
        if wanted is None or result.result != "pass":
            continue
        for prop in result.properties:
            same = (prop.type, prop.name) == wanted or (result.method, prop.type, prop.name) == ("dkim", "header", "i")
            domain = ascii_domain(str(prop.value).rpartition("@")[2]) if same else None
            if domain:
                yield result.method, domain
