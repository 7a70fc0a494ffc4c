"""Options that adapters have in common, and a sentence for each mistake in a provider's table.

Secrets are held so that no print-out shows them, and no sentence repeats a value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FilePath, SecretStr
from pydantic import ValidationError as PydanticError
from pydantic_core import ErrorDetails

_SECRET_PATH = re.compile(r"[A-Za-z0-9._~-]{16,200}")
HOUR = 3600.0


def address(value: str) -> str:
    """An address that requests may go to; its host is fixed."""
    head, _, rest = value.partition("://")
    host = re.split("[/?]", rest, maxsplit=1)[0]
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError('must be an address ("https://api.example.com/sms")') from error
    if head not in {"http", "https"} or not parts.hostname or re.search(r"[\s#]", value):
        raise ValueError('must begin with http:// or https:// ("https://api.example.com/sms")')
    if "{" in host:
        raise ValueError("must name its host without placeholders")
    if parts.username is not None:
        raise ValueError("must hold no password: write user and password as options of their own")
    return value


def _secret_path(value: SecretStr) -> SecretStr:
    if not _SECRET_PATH.fullmatch(value.get_secret_value()):
        raise ValueError('must be 16-200 letters, digits, dots, hyphens or underscores ("openssl rand -hex 16")')
    return value


def _not_empty(value: SecretStr) -> SecretStr:
    if not value.get_secret_value():
        raise ValueError("must not be empty")
    return value


Secret = Annotated[SecretStr, AfterValidator(_not_empty)]


class Table(BaseModel):
    """A table of options: frozen, and a misspelt key is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class ConnectionOptions(Table):
    """How requests to a provider are made, and how long it may take to say what became of a message."""

    timeout: float = Field(30, gt=0, le=600, description="seconds from the request to the whole answer")
    connect_timeout: float = Field(10, gt=0, le=600, description="seconds")
    connections: int = Field(50, ge=1, le=1000)
    keepalive: float = Field(4, ge=0, description="seconds that a connection is kept unused")
    ca_file: FilePath | None = None
    validity: float = Field(48 * HOUR, gt=0, description="seconds after which it reports no more on a message")


class DoorOptions(Table):
    """`[provider.webhook]`: where the provider calls us, and from where."""

    secret: Annotated[SecretStr, AfterValidator(_secret_path)]
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


_Model = TypeVar("_Model", bound=BaseModel)


def read_table(model: type[_Model], options: Mapping[str, Any]) -> _Model:
    """Check a provider's options. Raises `ValueError` with a sentence for each mistake, separated by semicolons."""
    try:
        return model.model_validate(dict(options))
    except PydanticError as error:
        found = error.errors(include_input=False, include_url=False, include_context=True)
        raise ValueError("; ".join(dict.fromkeys(_sentence(model, each) for each in found))) from None


def _sentence(model: type[BaseModel], found: ErrorDetails) -> str:
    path = [str(step + 1) if isinstance(step, int) else step for step in found["loc"]]
    path = [step for step in path if step not in {"IPv4Network", "IPv6Network", "[key]"} and "[" not in step]
    name = ".".join(path)
    context = found.get("ctx", {})
    match found["type"]:
        case "missing":
            return f"'{name}' is missing"
        case "extra_forbidden":
            close = difflib.get_close_matches(path[-1], _option_names(model, path[:-1]), n=1)
            return f"there is no option '{name}'" + (f": did you mean '{close[0]}'?" if close else "")
        case "value_error" | "assertion_error":
            return f"'{name}' {context['error']}" if name else str(context["error"])
        case "literal_error" | "enum":
            return f"'{name}' must be {context['expected']}"
        case _:
            return f"'{name}': {found['msg'][:1].lower()}{found['msg'][1:]}"


def _option_names(model: type[BaseModel], path: list[str]) -> list[str]:
    """The options of the table at a path; none where that cannot be told."""
    table: type[BaseModel] | None = model
    for step in path:
        if table is None or step.isdecimal():
            continue
        field = next((f for name, f in table.model_fields.items() if step in {name, f.alias}), None)
        kinds = [field.annotation, *get_args(field.annotation)] if field else []
        table = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
    return [field.alias or name for name, field in table.model_fields.items()] if table else []
