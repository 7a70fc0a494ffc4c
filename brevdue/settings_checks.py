"""What the settings must be to each other and to this machine, once each is well-formed by itself.

In: settings with resolved paths. Out: (path, sentence) pairs, one for each mistake. Files are looked at; nothing is
written and nothing is contacted.
"""

from __future__ import annotations

import difflib
import os
import ssl
import stat
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from brevdue.settings_toml import KeyPath
from gateway.numbers import NumberRange
from gateway.providers.base import ProviderFactory
from gateway.registry.pool import MOST_SHARED
from gateway.settings import GatewaySettings, PoolSettings, ProviderSettings

Finding: TypeAlias = tuple[KeyPath, str]
_FORMS = {"range": '"+45609946000000..+45609946999999"', "numbers": 'a number like "+4530643064"'}
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not bound to


def check_tables(settings: GatewaySettings) -> Iterator[Finding]:
    """Check everything but the lists of tables."""
    yield from _tls(settings)
    yield from _listeners(settings)
    yield from _mail_out(settings)
    yield from _dkim(settings)
    yield from _store(settings)
    yield from _limits(settings)
    yield from _webhooks(settings)
    yield from _openid(settings)


def _openid(settings: GatewaySettings) -> Iterator[Finding]:
    """Whom a provider lets in is decided by the domains that it speaks for."""
    oidc, path = settings.web.oidc, ("web", "oidc")
    if not oidc.issuer:
        return
    if not oidc.client_id:
        yield (*path, "client_id"), "is missing: what the provider calls this gateway"
    if oidc.create_role != "nobody" and not oidc.allowed_domains:
        yield (*path, "allowed_domains"), "is missing: whose addresses make new people, else anybody's would"
    if oidc.create_role != "nobody" and not oidc.organisation:
        yield (*path, "organisation"), "is missing: where new people belong"


def _webhooks(settings: GatewaySettings) -> Iterator[Finding]:
    yield from _certificates(("webhooks", "ca_file"), settings.webhooks.ca_file)


def _certificates(path: KeyPath, file: Path | None) -> Iterator[Finding]:
    yield from _existing(path, file)
    if file is not None and _what_is(file) == "file":
        try:
            ssl.create_default_context(cafile=file)
        except OSError:  # ssl.SSLError is one too
            yield path, f"must hold certificates (PEM), and '{file}' cannot be read as such"


def _limits(settings: GatewaySettings) -> Iterator[Finding]:
    """A cap on money that counts nothing protects from nothing."""
    limits = settings.limits
    capped = [name for name in ("account_cost", "key_cost", "organisation_cost") if getattr(limits, name)]
    if capped and not limits.part_cost:
        yield ("limits", capped[0]), "needs part_cost: what one SMS part costs ({ DK = 30, other = 90 })"
    elif capped and "other" not in limits.part_cost:
        yield ("limits", "part_cost"), 'needs "other": what a part costs to countries that are not named'


def check_providers(providers: Mapping[int, ProviderSettings]) -> Iterator[Finding]:
    """Check that names differ, kinds exist and adapters like their options; `providers` by their place in the file."""
    kinds = {entry.name: entry for entry in entry_points(group="brevdue.providers")}
    seen: set[str] = set()
    for index, provider in providers.items():
        if provider.name in seen:
            yield ("provider", index, "name"), f"must differ from the other providers, not '{provider.name}' again"
        seen.add(provider.name)
        if entry := kinds.get(provider.kind):
            yield from _options(index, provider, entry)
        else:
            hint = did_you_mean(provider.kind, list(kinds)) or f" (there is {', '.join(sorted(kinds)) or 'none'})"
            yield ("provider", index, "kind"), f"must be an installed kind, not '{provider.kind}'{hint}"


def _options(index: int, provider: ProviderSettings, entry: EntryPoint) -> Iterator[Finding]:
    """Make the adapter, which connects to nothing before it is started, and pass on its objections."""
    try:
        make: ProviderFactory = entry.load()
        make(provider.name, provider.options)
    except ValueError as error:
        yield ("provider", index), f"{error}"
    except Exception as error:  # an adapter is somebody else's code: its fault is a mistake like any other
        yield ("provider", index, "kind"), f"cannot be used: {type(error).__name__}: {error}"


def check_pools(pools: Mapping[int, PoolSettings], providers: Iterable[str]) -> Iterator[Finding]:
    """Check that each pool belongs to a provider and that no number stands in two places."""
    names = list(dict.fromkeys(providers))
    spans: list[tuple[int, int, KeyPath]] = []
    for index, pool in pools.items():
        if pool.provider not in names:
            yield ("pool", index, "provider"), no_such_provider(pool.provider, names)
        if pool.range is None and not pool.numbers:
            yield ("pool", index), 'needs a range ("+45609946000000..+45609946999999") or numbers (["+4530643064"])'
        for path, text in _written(index, pool):
            try:
                numbers = NumberRange.parse(text)
            except ValueError as error:
                yield path, f"must be {_FORMS[str(path[2])]}: {error}"
                continue
            if path[2] == "numbers" and numbers.size > 1:
                yield path, f"must be single numbers: write {text} as a range"
            if pool.shared and numbers.size > MOST_SHARED:
                yield path, f"must hold at most {MOST_SHARED} numbers where they are shared, not {numbers.size}"
            spans.append((int(numbers.first), int(numbers.last), path))
    yield from _overlaps(spans)


def _written(index: int, pool: PoolSettings) -> Iterator[tuple[KeyPath, str]]:
    if pool.range is not None:
        yield ("pool", index, "range"), pool.range
    for place, number in enumerate(pool.numbers):
        yield ("pool", index, "numbers", place), number


def _overlaps(spans: list[tuple[int, int, KeyPath]]) -> Iterator[Finding]:
    highest = -1
    for first, last, path in sorted(spans):
        if first <= highest:
            yield path, f"must not hold numbers that another pool or entry holds (+{first})"
        highest = max(highest, last)


def no_such_provider(name: str, names: list[str]) -> str:
    """What is wrong with a name that no provider has."""
    hint = did_you_mean(name, names) or f" (there is {', '.join(names) or 'none'})"
    return f"must be the name of a [[provider]], not '{name}'{hint}"


def did_you_mean(name: str, known: list[str]) -> str:
    """A hint at the name that was probably meant; "" where none is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f": did you mean '{close[0]}'?" if close else ""


def _tls(settings: GatewaySettings) -> Iterator[Finding]:
    tls = settings.tls
    for name, other, file in (("certificate", "key", tls.key), ("key", "certificate", tls.certificate)):
        if getattr(tls, name) is None and file is not None:
            yield ("tls", other), f"needs its {name}: set tls.{name} too"
    for name, file in (("certificate", tls.certificate), ("key", tls.key)):
        yield from _existing(("tls", name), file)
    if tls.certificate and tls.key and _what_is(tls.certificate) == _what_is(tls.key) == "file":
        yield from _pair(tls.certificate, tls.key)


def _pair(certificate: Path, key: Path) -> Iterator[Finding]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # else it would ask on the terminal
    except OSError as error:  # ssl.SSLError is one too
        if isinstance(error, PermissionError):
            unreadable = next((file for file in (certificate, key) if not os.access(file, os.R_OK)), key)
            yield ("tls", "key" if unreadable == key else "certificate"), f"must be readable, and '{unreadable}' is not"
        else:
            yield (
                ("tls", "certificate"),
                "must be a PEM certificate chain that belongs to tls.key, without a passphrase",
            )


def _existing(path: KeyPath, file: Path | None) -> Iterator[Finding]:
    if file is not None and (found := _what_is(file)) != "file":
        yield path, f"must be an existing file, and '{file}' {'is none' if found else 'does not exist'}"


def _what_is(file: Path) -> str:
    """Say "file", "directory", "other", or "" for what is not there, cannot be there, or lies behind a closed door."""
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError):  # a name too long, a NUL in it, a directory that may not be entered
        return ""
    return "file" if stat.S_ISREG(mode) else "directory" if stat.S_ISDIR(mode) else "other"


def _listeners(settings: GatewaySettings) -> Iterator[Finding]:
    """No two listeners on one address: an address means all of them when it is 0.0.0.0 or ::."""
    taken: list[tuple[str, int, str]] = []
    for section, key in (
        ("smtp", "port"),
        ("submission", "port"),
        ("submission", "tls_port"),
        ("lmtp", "port"),
        ("http", "port"),
    ):
        table = getattr(settings, section)
        host, port = table.host, getattr(table, key)
        if port is None:
            continue
        for other_host, other_port, name in taken:
            if port == other_port and _same_host(host, other_host):
                yield (section, key), f"must differ from {name}, which listens on {other_host} port {port} too"
        taken.append((host, port, f"{section}.{key}"))


def _same_host(one: str, other: str) -> bool:
    local = {"localhost", "127.0.0.1"}
    return one == other or {one, other} <= local or bool({one, other} & _EVERYWHERE)


def _mail_out(settings: GatewaySettings) -> Iterator[Finding]:
    yield from _certificates(("mail_out", "ca_file"), settings.mail_out.ca_file)
    out = settings.mail_out
    if (out.user is None) != (out.password is None):
        given, wanted = ("user", "password") if out.password is None else ("password", "user")
        yield ("mail_out", given), f"needs mail_out.{wanted} beside it"
    if out.user is not None and ":" in out.relay and not out.relay.startswith("maildir:") and out.tls == "none":
        yield ("mail_out", "tls"), 'must not be "none" with a user and password: they would cross the network in clear'
    if out.relay == "mx" and out.tls == "implicit":
        yield ("mail_out", "tls"), 'must be "opportunistic" or "required" with relay "mx": port 25 has STARTTLS only'


def _dkim(settings: GatewaySettings) -> Iterator[Finding]:
    dkim = settings.mail_out.dkim
    keys = (("rsa_key", dkim.rsa_key), ("ed25519_key", dkim.ed25519_key))
    for name, file in keys:
        yield from _existing(("mail_out", "dkim", name), file)
    have_key = any(file is not None for _, file in keys)
    if dkim.domain is None and have_key:
        yield ("mail_out", "dkim"), 'needs a domain to sign for ("sms.example.com")'
    if dkim.domain is not None and not have_key:
        yield ("mail_out", "dkim", "domain"), "needs rsa_key, ed25519_key or both"
    if have_key and dkim.rsa_key and dkim.ed25519_key and dkim.rsa_selector == dkim.ed25519_selector:
        yield ("mail_out", "dkim", "ed25519_selector"), "must differ from rsa_selector: a selector names one key"


def _store(settings: GatewaySettings) -> Iterator[Finding]:
    url = settings.store.url
    if url.startswith("postgresql:") and find_spec("asyncpg") is None:
        yield ("store", "url"), "needs the PostgreSQL driver: install 'brevdue[postgres]'"
    if url.startswith("sqlite:"):
        yield from _in_directory(("store", "url"), Path(url.removeprefix("sqlite:///").partition("?")[0]))
    yield from _in_directory(("store", "secret_file"), settings.store.secret_file)


def _in_directory(path: KeyPath, file: Path) -> Iterator[Finding]:
    if _what_is(file) == "directory":
        yield path, f"must be a file, and '{file}' is a directory"
    elif _what_is(file.parent) != "directory":
        yield path, f"must lie in an existing directory, and '{file.parent}' is none"
