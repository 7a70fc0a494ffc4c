"""Who really sent a mail: a login, a trusted network, or aligned DKIM, SPF or ARC.

Comes in: an envelope and the address in its From header. Goes out: a Proof that says who vouches for that address, or
a Refusal: `unproven_sender` when the answer is no, `sender_check_unavailable` when DNS did not answer and its answer
could have made it yes.

A signature proves who wrote a mail, not that it was meant for us: whoever holds a mail that the victim signed can send
it to us again. A DKIM or ARC proof therefore counts only if the signature covers every field that chooses phones,
thread or identity, and if the signed To and Cc name each recipient address of ours. Then a replay is the same mail to
the same recipients, which is known by its Message-ID. Bcc to us, and signers that leave To open, need SPF, a login or
a trusted network. Content-Type is not asked for: changing it changes neither the phones nor the mail's identity.

Promises: no bounce, no guess, and nothing heavy on the event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from gateway.dns import NoAnswerError, NoSuchRecordError, Resolver
from gateway.errors import sender_check_unavailable, unproven_sender
from gateway.model import AddressKind, Clock, Envelope, Listener, Peer, Proof, ProofMethod, SystemClock
from gateway.proof.alignment import Alignment, AlignmentModes, alignment, alignment_modes, ascii_domain
from gateway.proof.arc import ArcChain, check_chain, read_chain, vouched
from gateway.proof.dkim import (
    BadSignatureError,
    BodyHashes,
    Signature,
    check_body,
    check_fields,
    read_key,
    read_signature,
    read_tags,
    signature_domain,
)
from gateway.proof.signed_headers import AmbiguousHeaderError, Header, left_open, mailboxes, plain_address, read_header
from gateway.proof.spf import SpfResult, check_spf, spf_identity
from gateway.settings import Network, TrustSettings

_MOST_SIGNATURES = 10
_CHECKS_AT_ONCE = 2
"""Large mails being hashed at the same time, so that a flood of them leaves threads for others."""
_WITHHELD = "DNS did not give the signing key"
_CHOOSES_PHONES = {AddressKind.KEY, AddressKind.NUMBER, AddressKind.SUBSCRIBE, AddressKind.UNSUBSCRIBE}


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one method found: a proof, or why not, and whether DNS left that open."""

    proof: Proof | None = None
    reason: str = ""
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class _Mail:
    """One mail under examination, its header read."""

    from_domain: str
    header: Header
    bodies: BodyHashes = field(repr=False)
    now: float
    misdirected: str | None
    """Why the signed To and Cc would not show that the mail was meant for these recipients."""


_Keys = dict[str, tuple[bytes, ...] | None]
"""TXT records by key name: empty where there is no such record, None where DNS did not answer."""


class MailAuth:
    """The check of the sender. `domains` are ours (`[mail] domains`)."""

    def __init__(
        self, trust: TrustSettings, resolver: Resolver, domains: Sequence[str], *, clock: Clock | None = None
    ) -> None:
        self._networks = tuple(_unmapped_network(network) for network in trust.networks)
        self._is_trusted = lru_cache(maxsize=1024)(self._look_up)
        self._require = trust.require
        self._sealers = frozenset(_ascii_domains(trust.arc_sealers))
        self._resolver = resolver
        self._domains = frozenset(_ascii_domains(domains))
        self._clock = clock or SystemClock()
        self._checks = asyncio.Semaphore(_CHECKS_AT_ONCE)

    async def prove(self, envelope: Envelope, from_address: str) -> Proof:
        """Find out who vouches for the From address. Raises Refusal."""
        peer = envelope.peer
        from_domain = ascii_domain(from_address.rpartition("@")[2]) or ""
        if peer.login is not None:
            if not _same_mailbox(peer.login, from_address):
                raise unproven_sender("you signed in as somebody else: use your own address in From")
            return Proof(ProofMethod.LOGIN, from_domain, "signed in")
        if self._trusts(peer):
            return Proof(ProofMethod.TRUSTED, from_domain, peer.ip or "local socket")
        if self._require == "none":
            return Proof(ProofMethod.NONE, from_domain, "not checked")
        if self._require == "trusted":
            raise unproven_sender("only your organisation's own mail server may hand in mail here")
        if not from_domain:
            raise unproven_sender("the From address has no valid domain")
        return await self._prove_from_outside(envelope, from_domain)

    def _trusts(self, peer: Peer) -> bool:
        if not peer.ip:
            # Only LMTP listens on a unix socket, whose file permissions say who may connect.
            return peer.listener is Listener.LMTP
        return self._is_trusted(peer.ip)

    def _look_up(self, ip: str) -> bool:
        address = _unmapped(ip)
        return address is not None and any(address in network for network in self._networks)

    async def _prove_from_outside(self, envelope: Envelope, from_domain: str) -> Proof:
        findings: list[_Finding] = []
        mail: _Mail | None = None
        try:
            mail = await asyncio.to_thread(_open_mail, envelope, from_domain, self._domains, self._clock.now())
            findings.append(await self._by_dkim(mail))
        except AmbiguousHeaderError as fault:
            findings.append(_Finding(reason=f"DKIM: {fault}"))
        if findings[-1].proof is None:
            findings.append(await self._by_spf(envelope, from_domain))
        if findings[-1].proof is None and mail is not None and self._sealers:
            findings.append(await self._by_arc(mail))
        if findings[-1].proof is not None:
            return findings[-1].proof
        if any(finding.unsure for finding in findings):
            raise sender_check_unavailable()
        raise unproven_sender("; ".join(finding.reason for finding in findings if finding.reason))

    # --- DKIM ------------------------------------------------------------------------------------------------------

    async def _by_dkim(self, mail: _Mail) -> _Finding:
        candidates, reasons = await asyncio.to_thread(_candidates, mail)
        keys = await self._fetch_keys(candidates)
        async with self._checks:
            outcomes = await asyncio.to_thread(_judge, candidates, mail, keys)
        unsure = False
        for signature, reason in zip(candidates, outcomes, strict=True):
            if reason:
                reasons.append(reason)
                unsure = unsure or reason == _WITHHELD
                continue
            aligned = await self._aligned(mail.from_domain, signature.domain, ProofMethod.DKIM)
            if aligned:
                detail = f"{signature.algorithm} {signature.key_name} signed {_names(signature.signed)}"
                return _Finding(Proof(ProofMethod.DKIM, signature.domain, detail))
            unsure = unsure or aligned is None
            reasons.append(f"{mail.from_domain} asks for signatures of exactly its own domain")
        reason = " and ".join(list(dict.fromkeys(reasons))[:2]) or f"no signature of {mail.from_domain}"
        return _Finding(reason=f"DKIM: {reason}", unsure=unsure)

    async def _fetch_keys(self, signatures: Iterable[Signature]) -> _Keys:
        names = list(dict.fromkeys(signature.key_name for signature in signatures))
        return dict(zip(names, await asyncio.gather(*map(self._key_records, names)), strict=True))

    async def _key_records(self, name: str) -> tuple[bytes, ...] | None:
        try:
            return await self._resolver.txt(name)
        except NoSuchRecordError:
            return ()
        except NoAnswerError:
            return None

    async def _aligned(self, from_domain: str, other: str, method: ProofMethod) -> bool | None:
        """Whether an authenticated domain speaks for the From domain; None when DNS left it open."""
        near = alignment(from_domain, other)
        if near is not Alignment.ORGANISATION:
            return near is Alignment.EXACT
        try:
            modes = await alignment_modes(self._resolver, from_domain)
        except NoAnswerError:
            return None
        return not _strict(modes, method)

    # --- SPF -------------------------------------------------------------------------------------------------------

    async def _by_spf(self, envelope: Envelope, from_domain: str) -> _Finding:
        identity = ascii_domain(spf_identity(envelope.mail_from, envelope.peer.helo))
        if identity is None or alignment(from_domain, identity) is Alignment.NONE:
            return _Finding(reason=f"SPF: the mail was not sent in the name of {from_domain}")
        verdict = await check_spf(self._resolver, envelope.peer.ip, envelope.mail_from, envelope.peer.helo)
        if verdict.result is SpfResult.PASS:
            aligned = await self._aligned(from_domain, identity, ProofMethod.SPF)
            if aligned:
                scope = "reverse path" if envelope.mail_from else "HELO"
                return _Finding(Proof(ProofMethod.SPF, identity, f"pass for {envelope.peer.ip}, {scope}"))
            reason = f"SPF: {from_domain} asks for a reverse path of exactly its own domain"
            return _Finding(reason=reason, unsure=aligned is None)
        return _Finding(
            reason=f"SPF: {verdict.result} for {identity} from {envelope.peer.ip}",
            unsure=verdict.result is SpfResult.TEMPERROR,
        )

    # --- ARC -------------------------------------------------------------------------------------------------------

    async def _by_arc(self, mail: _Mail) -> _Finding:
        try:
            chain = await asyncio.to_thread(read_chain, mail.header, self._sealers, mail.now)
            if chain is None:
                return _Finding()
            objection = _replayable(mail, chain.message)
            if objection:
                return _Finding(reason=f"ARC: {objection}")
            keys = await self._fetch_keys(chain.signatures)
            async with self._checks:
                unsure = await asyncio.to_thread(_judge_chain, chain, mail, keys)
        except BadSignatureError as fault:
            return _Finding(reason=f"ARC: {fault}")
        return _Finding(reason=f"ARC: {_WITHHELD}", unsure=True) if unsure else await self._vouched(chain, mail)

    async def _vouched(self, chain: ArcChain, mail: _Mail) -> _Finding:
        unsure = False
        for method, domain, sealer in vouched(chain):
            if method == "dmarc":
                aligned: bool | None = domain == mail.from_domain
            else:
                aligned = await self._aligned(mail.from_domain, domain, ProofMethod(method))
            if aligned:
                return _Finding(Proof(ProofMethod.ARC, domain, f"{sealer} saw {method}=pass for {domain}"))
            unsure = unsure or aligned is None
        return _Finding(reason=f"ARC: no sealer vouches for {mail.from_domain}", unsure=unsure)


# --- in a thread ---------------------------------------------------------------------------------------------------


def _open_mail(envelope: Envelope, from_domain: str, ours: Collection[str], now: float) -> _Mail:
    """Read a mail's header. Raises AmbiguousHeaderError."""
    header = read_header(envelope.content)
    bodies = BodyHashes(envelope.content, header.body_start)
    return _Mail(from_domain, header, bodies, now, _misdirected(envelope, mailboxes(header), ours))


def _misdirected(envelope: Envelope, named: Collection[str], ours: Collection[str]) -> str | None:
    if not any(ascii_domain(address.rpartition("@")[2]) in ours for address in named):
        return "the signed To and Cc headers name no address of this server"
    asked = {plain_address(to.address) for to in envelope.recipients if to.kind in _CHOOSES_PHONES}
    if not asked <= set(named):
        return "the signed To and Cc headers do not name every recipient (Bcc is not enough)"
    return None


def _replayable(mail: _Mail, signature: Signature) -> str | None:
    """Say why somebody else could send this signed mail again to another effect, or None."""
    return left_open(mail.header, signature.signed) or mail.misdirected


def _candidates(mail: _Mail) -> tuple[list[Signature], list[str]]:
    """Choose the signatures that may prove the sender, and say why others of the same organisation may not."""
    candidates: list[Signature] = []
    reasons: list[str] = []
    sources = (source for source in mail.header.fields if _speaks_for(source, mail.from_domain))
    for source in islice(sources, _MOST_SIGNATURES):
        try:
            candidates.append(_candidate(source, mail))
        except BadSignatureError as fault:
            reasons.append(str(fault))
    return candidates, reasons


def _speaks_for(source: tuple[bytes, bytes], from_domain: str) -> bool:
    if source[0].lower() != b"dkim-signature":
        return False
    try:
        domain = signature_domain(read_tags(source[1]).get(b"d", b""))
    except BadSignatureError:
        return False
    return alignment(from_domain, domain) is not Alignment.NONE


def _candidate(source: tuple[bytes, bytes], mail: _Mail) -> Signature:
    signature = read_signature(source, mail.now)
    objection = _replayable(mail, signature)
    if objection:
        raise BadSignatureError(objection)
    return signature


def _judge(candidates: Sequence[Signature], mail: _Mail, keys: _Keys) -> list[str]:
    """Verify signatures: "" where one holds, else the reason. A key that DNS withheld decides nothing."""
    outcomes: list[str] = []
    for signature in candidates:
        records = keys[signature.key_name]
        try:
            check_body(signature, mail.bodies)
            if records is not None:
                check_fields(signature, mail.header, read_key(records, signature))
            outcomes.append("" if records is not None else _WITHHELD)
        except BadSignatureError as fault:
            outcomes.append(str(fault))
    return outcomes


def _judge_chain(chain: ArcChain, mail: _Mail, keys: _Keys) -> bool:
    """Verify a chain. True when DNS withheld a key that matters. Raises BadSignatureError."""
    known = {name: records for name, records in keys.items() if records is not None}
    if len(known) < len(keys):
        check_body(chain.message, mail.bodies)
        return True
    check_chain(chain, mail.header, mail.bodies, known)
    return False


# --- words and addresses -------------------------------------------------------------------------------------------


def _strict(modes: AlignmentModes, method: ProofMethod) -> bool:
    return modes.strict_dkim if method is ProofMethod.DKIM else modes.strict_spf


def _names(signed: Sequence[bytes]) -> str:
    return ",".join(dict.fromkeys(name.decode("ascii", "replace") for name in signed))


def _same_mailbox(one: str, other: str) -> bool:
    """Compare addresses without regard to case; a domain may be in U-labels or A-labels."""
    (local, _, domain), (other_local, _, other_domain) = (plain_address(text).rpartition("@") for text in (one, other))
    return local.casefold() == other_local.casefold() and ascii_domain(domain) == ascii_domain(other_domain)


def _ascii_domains(domains: Iterable[str]) -> list[str]:
    return [name for name in map(ascii_domain, domains) if name]


def _unmapped(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address, an IPv4-mapped IPv6 one (RFC 4291 §2.5.5.2) as the IPv4 address it carries."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _unmapped_network(network: Network) -> Network:
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped:
            return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network
