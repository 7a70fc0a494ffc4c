"""The server's certificate: loaded, watched, and made where there is none.

In: paths of a PEM certificate chain and its key. Out: an ssl context for the next handshake. Promises: TLS 1.2 or
newer; a changed pair of files is used from the next handshake on while older connections live on; a pair that does
not fit together (half of a renewal, say) is reported and the last good one stays in use.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import threading
import time
from asyncio import Transport, sslproto
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.maillog import Event, note, warn
from gateway.settings import GatewaySettings

_LOOK_EVERY = 1.0
"""Seconds between two looks at the files: handshakes can come by the thousand."""

_SELF_SIGNED_DAYS = 825

_Stamp = tuple[tuple[int, int, int], ...]


class ServerCertificate:
    """A certificate and key on disk, as an ssl context that follows them."""

    def __init__(self, certificate: Path, key: Path, *, look_every: float = _LOOK_EVERY) -> None:
        """Load the pair. Raises OSError or ssl.SSLError when it cannot be used."""
        self._certificate = certificate
        self._key = key
        self._look_every = look_every
        self._stamp = self._look()
        self._context = self._load()
        self._looked_at = time.monotonic()

    def context(self) -> ssl.SSLContext:
        """Give the context for a new handshake, reading the files again when they have changed."""
        now = time.monotonic()
        if now - self._looked_at >= self._look_every:
            self._looked_at = now
            self._follow()
        return self._context

    def expires_at(self) -> float | None:
        """When the certificate on disk ends, in seconds since the epoch; None where it cannot be read just now."""
        try:
            return x509.load_pem_x509_certificate(self._certificate.read_bytes()).not_valid_after_utc.timestamp()
        except (OSError, ValueError):
            return None

    def _follow(self) -> None:
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._context = self._load()
        except OSError as error:  # ssl.SSLError is one too
            warn(Event.CERTIFICATE_RELOADED, certificate=str(self._certificate), kept_old=True, cause=str(error))
        else:
            note(Event.CERTIFICATE_RELOADED, certificate=str(self._certificate))

    def _look(self) -> _Stamp:
        seen = (self._certificate.stat(), self._key.stat())
        return tuple((entry.st_mtime_ns, entry.st_size, entry.st_ino) for entry in seen)

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.load_cert_chain(self._certificate, self._key)
        return context


_READ_SIZE = 64 * 1024
_read_into = threading.local()


class TlsLayer(sslproto.SSLProtocol):
    """The TLS of one connection. What is read goes through one buffer for all connections of the thread's loop.

    A transport asks for the buffer, reads into it and reports, with nothing in between; the layer then takes the bytes
    out at once. A buffer for each of ten thousand connections would be the most of what they cost.
    """

    max_size = _READ_SIZE

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not hasattr(_read_into, "buffer"):
            _read_into.buffer = bytearray(_READ_SIZE)
            _read_into.view = memoryview(_read_into.buffer)
        self._ssl_buffer = _read_into.buffer
        self._ssl_buffer_view = _read_into.view

    @property
    def application_side(self) -> Transport:
        """The transport that the session talks to from now on."""
        return self._app_transport

    def feed(self, data: bytes) -> None:
        """Take bytes of the handshake that were read before the layer stood."""
        while data:
            room = self.get_buffer(len(data))
            taken = min(len(room), len(data))
            room[:taken] = data[:taken]
            self.buffer_updated(taken)
            data = data[taken:]


def server_certificate(settings: GatewaySettings) -> ServerCertificate | None:
    """Give the certificate of `[tls]`; a self-signed one where submission needs any; else None.

    Raises OSError or ssl.SSLError when the configured files cannot be used.
    """
    tls = settings.tls
    if tls.certificate is not None:
        return ServerCertificate(tls.certificate, tls.key or tls.certificate)
    if settings.submission.port is None and settings.submission.tls_port is None:
        return None
    pem = settings.store.secret_file.with_name("brevdue-self-signed.pem")
    if not _still_good(pem, settings.mail.hostname):
        _write_private(pem, self_signed(settings.mail.hostname, datetime.now(UTC)))
    warn(
        Event.CERTIFICATE_SELF_SIGNED,
        certificate=str(pem),
        cause="[tls] names no certificate: submission uses one that mail programs will not trust",
    )
    return ServerCertificate(pem, pem)


def self_signed(hostname: str, now: datetime) -> bytes:
    """Make a P-256 key and a certificate for `hostname` that vouches for itself: both as PEM, the key first."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _general_name(hostname: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(hostname))
    except ValueError:
        return x509.DNSName(hostname.encode("idna").decode("ascii"))


def _still_good(pem: Path, hostname: str) -> bool:
    """Whether the certificate made earlier names this host and lasts another 30 days."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.read_bytes())
    except (OSError, ValueError):
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    lasts = certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=30)
    return lasts and list(names) == [_general_name(hostname)]


def _write_private(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    beside.replace(path)
