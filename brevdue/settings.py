"""The configuration: one TOML file, overridden by the environment, validated once.

In: the file's path and the environment. Out: `gateway.settings.GatewaySettings` whose relative paths are resolved
against the file's directory; or a `ConfigurationError` that holds every mistake at once, each with file and line (or
variable), key, and what would be right.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from brevdue.settings_checks import Finding, check_pools, check_providers, check_tables
from brevdue.settings_environment import PREFIX, overlay
from brevdue.settings_mistakes import ConfigurationError, Mistake, explain, key_name
from brevdue.settings_routes import check_prices, check_routes
from brevdue.settings_toml import KeyPath, key_lines
from gateway.settings import GatewaySettings, PoolSettings, PriceSettings, ProviderSettings, RouteSettings

__all__ = ["ConfigurationError", "Mistake", "find_file", "load", "resolve_paths"]

PLACES = (Path("brevdue.toml"), Path("/etc/brevdue/brevdue.toml"))
"""Where a configuration is looked for when none is named."""

ItemT = TypeVar("ItemT", bound=BaseModel)


def find_file(given: Path | None, environ: Mapping[str, str]) -> Path:
    """Choose the configuration: the one given, `BREVDUE_CONFIG`, or the first of `PLACES` that exists."""
    if given is not None:
        return given
    if named := environ.get(f"{PREFIX}CONFIG"):
        return Path(named)
    for place in PLACES:
        if place.exists():
            return place
    looked = " or ".join(str(place) for place in PLACES)
    raise ConfigurationError([Mistake("", "", f"no configuration: name one with -c FILE, or write {looked}")])


def load(path: Path | None, environ: Mapping[str, str]) -> GatewaySettings:
    """Read and check the configuration; without a path, the defaults and the environment make it.

    Raises `ConfigurationError` with all mistakes.
    """
    file = _read(path) if path is not None else _File("", {}, {})
    laid = overlay(file.tables, environ)
    base = path.parent if path is not None else Path()
    mistakes = file.mistakes + laid.mistakes
    settings, findings = _validate(laid.tables, base)
    if file.mistakes:  # of a file that cannot be read, only what the environment says is known
        findings = [item for item in findings if item[0] in laid.variables]
    placed = [(*_where(found, file, laid.variables), key_name(found), text) for found, text in findings]
    mistakes += [Mistake(where, key, text) for _, where, key, text in sorted(placed, key=lambda item: item[:2])]
    if mistakes or settings is None:
        raise ConfigurationError(mistakes)
    return settings


class _File:
    """A configuration file as read: its tables, the line of each key, and why it could not be read."""

    def __init__(self, name: str, tables: dict[str, Any], lines: dict[KeyPath, int]) -> None:
        self.name = name
        self.tables = tables
        self.lines = lines
        self.mistakes: list[Mistake] = []


def _read(path: Path) -> _File:
    file = _File(str(path), {}, {})
    try:
        text = path.read_text(encoding="utf-8-sig")
        file.tables = tomllib.loads(text)
        file.lines = key_lines(text)
    except OSError as error:
        file.mistakes.append(Mistake(file.name, "", f"cannot be read: {error.strerror or error}"))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        file.mistakes.append(Mistake(f"{path}:{line}", "", "must be UTF-8 text"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        at = re.search(r" \(at line (\d+), column \d+\)", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        words = str(error).replace(at[0] if at else " (at end of document)", "")
        file.mistakes.append(Mistake(f"{path}:{line}", "", f"is not TOML: {words[:1].lower()}{words[1:]}"))
    return file


def _validate(tables: dict[str, Any], base: Path) -> tuple[GatewaySettings | None, list[Finding]]:
    """Validate the sections, then what they must be to each other, as far as they are well-formed."""
    try:
        settings = GatewaySettings.model_validate(tables)
        findings: list[Finding] = []
    except ValidationError as error:
        settings = None
        findings = list(dict.fromkeys(explain(item) for item in error.errors()))
    wrong = [path for path, _ in findings]
    sound = GatewaySettings.model_validate(_without(tables, wrong))
    findings += [item for item in check_tables(resolve_paths(sound, base)) if not _about(item[0], wrong)]
    findings += _check_lists(tables)
    return settings and resolve_paths(settings, base), findings


def _about(path: KeyPath, wrong: Iterable[KeyPath]) -> bool:
    """Whether a key, or one beneath it, is known to be wrong: its default stood in for it."""
    return any(other[: len(path)] == path for other in wrong)


def _without(tables: dict[str, Any], wrong: Iterable[KeyPath]) -> dict[str, Any]:
    """Leave out what is wrong, and the lists of tables, which are checked one by one."""
    left = {name: dict(value) if isinstance(value, dict) else value for name, value in tables.items()}
    for name in ("provider", "pool", "route", "price"):
        left.pop(name, None)
    for path in wrong:
        at: Any = left
        for part in path[:-1]:
            inner = at.get(part)
            if not isinstance(inner, dict):
                break  # one item of a list: the whole list goes
            at[part] = at = dict(inner)
        else:
            part = path[-1]
        at.pop(part, None)
    return left


def _check_lists(tables: Mapping[str, Any]) -> Iterator[Finding]:
    defaults = GatewaySettings()
    given = tables.get("provider", defaults.provider)
    if not given:
        yield ("provider",), 'must hold at least one [[provider]] (name = "simulator", kind = "simulator")'
    providers = _sound_items(ProviderSettings, given)
    yield from check_providers(providers)
    names = [str(_get(item, "name")) for item in given] if isinstance(given, list | tuple) else []
    if "pool" in tables:
        yield from check_pools(_sound_items(PoolSettings, tables["pool"]), names)
    elif providers and len(providers) == len(given) and defaults.pool[0].provider not in names:
        yield ("pool",), f"is missing: a [[pool]] names the numbers that provider '{names[0]}' routes to us"
    prices = _sound_items(PriceSettings, tables.get("price", ()))
    yield from check_prices(prices, names)
    yield from check_routes(_sound_items(RouteSettings, tables.get("route", ())), providers, names, prices)


def _get(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else getattr(item, name, None)


def _sound_items(model: type[ItemT], items: Any) -> dict[int, ItemT]:
    """The well-formed tables of a list, by their place."""
    sound = {}
    for index, item in enumerate(items if isinstance(items, list | tuple) else ()):
        try:
            sound[index] = model.model_validate(item)
        except ValidationError:
            continue  # reported with the whole
    return sound


def _where(path: KeyPath, file: _File, variables: Mapping[KeyPath, str]) -> tuple[int, str]:
    """The line or the variable that the nearest known key came from; line 0 comes from no file."""
    for length in range(len(path), 0, -1):
        if name := variables.get(path[:length]):
            return 0, name
        if line := file.lines.get(path[:length]):
            return line, f"{file.name}:{line}"
    beneath = (name for key, name in variables.items() if key[: len(path)] == path)
    return 0, next(beneath, file.name)


def resolve_paths(settings: GatewaySettings, base: Path) -> GatewaySettings:
    """Make every relative path absolute, seen from the directory `base`."""
    base = base.absolute()

    def there(path: Path | None) -> Path | None:
        return path and base / path

    store, out, tls, webhooks = settings.store, settings.mail_out, settings.tls, settings.webhooks
    dkim = {"rsa_key": there(out.dkim.rsa_key), "ed25519_key": there(out.dkim.ed25519_key)}
    return settings.model_copy(
        update={
            "tls": tls.model_copy(update={"certificate": there(tls.certificate), "key": there(tls.key)}),
            "lmtp": settings.lmtp.model_copy(update={"socket": there(settings.lmtp.socket)}),
            "store": store.model_copy(
                update={"url": _store_url(store.url, base), "secret_file": there(store.secret_file)}
            ),
            "mail_out": out.model_copy(
                update={
                    "relay": _relay(out.relay, base),
                    "ca_file": there(out.ca_file),
                    "dkim": out.dkim.model_copy(update=dkim),
                }
            ),
            "provider": tuple(_provider(item, base) for item in settings.provider),
            "webhooks": webhooks.model_copy(update={"ca_file": there(webhooks.ca_file)}),
        }
    )


def _store_url(url: str, base: Path) -> str:
    prefix = "sqlite:///"
    return f"{prefix}{base / url.removeprefix(prefix)}" if url.startswith(prefix) else url


def _relay(relay: str, base: Path) -> str:
    prefix = "maildir:"
    return f"{prefix}{base / relay.removeprefix(prefix)}" if relay.startswith(prefix) else relay


def _provider(provider: ProviderSettings, base: Path) -> ProviderSettings:
    """Resolve an adapter's `path`; the simulator's journal has one even where it is not named."""
    path = provider.options.get("path", f"brevdue-{provider.name}.jsonl" if provider.kind == "simulator" else None)
    if not isinstance(path, str):
        return provider
    return ProviderSettings.model_validate(provider.model_dump() | {"path": str(base / path)})
