"""The options of `kind = "http"`, and a sentence for each mistake in them.

Secrets are held so that no print-out shows them, and no sentence repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from gateway.errors import Outcome
from gateway.providers.http_wire.templates import Compiler, names_in, texts_in
from gateway.providers.options import ConnectionOptions, DoorOptions, Secret, Table, address, read_table
from gateway.sms import ReportStatus

Reason = Literal[
    "", "bad-number", "not-in-use", "opted-out", "not-allowed", "limit", "expired", "unreachable", "rejected", "text"
]
"""What senders are told (`gateway.writing.reports.FailureReason`), as far as a provider's answer can say it."""
Statuses = frozenset[int]
_MAX_STATUS = 599
_SHORTEST_SECRET = 6
_STATUS_CLASS = re.compile(r"([1-5])xx")


def _pattern(value: str) -> re.Pattern[str]:
    try:
        return re.compile(value)
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from error


def _group_pattern(value: str) -> re.Pattern[str]:
    pattern = _pattern(value)
    if pattern.groups != 1:
        raise ValueError("must have one group in parentheses: what to read")
    return pattern


def _statuses(value: Any) -> Statuses:
    """Statuses as people write them: 202, "5xx", or a list of such."""
    found: set[int] = set()
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and (written := _STATUS_CLASS.fullmatch(item)):
            first = int(written[1]) * 100
            found.update(range(first, first + 100))
        elif type(item) is int and 100 <= item <= _MAX_STATUS:
            found.add(item)
        else:
            raise ValueError('must be HTTP statuses: 202, "5xx" or a list of such')
    return frozenset(found)


def _words(value: Any) -> Any:
    """One word or several; numbers count as they are written."""
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(item, str | int) for item in listed):
        raise ValueError("must be a text or a list of texts")
    return frozenset(str(item).lower() for item in listed)


def _place(value: str) -> str:
    if not value or "~" in re.sub("~[01]", "", value):
        raise ValueError('must be a name, or a JSON pointer such as "/messages/0/id"')
    return value


Pattern = Annotated[re.Pattern[str], BeforeValidator(lambda value: _pattern(_text(value)))]
GroupPattern = Annotated[re.Pattern[str], BeforeValidator(lambda value: _group_pattern(_text(value)))]
StatusSet = Annotated[Statuses, BeforeValidator(_statuses)]
Words = Annotated[frozenset[str], BeforeValidator(_words)]
Place = Annotated[str, AfterValidator(_place)]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - pydantic collects ValueErrors only
    return value


class ConditionOptions(Table):
    """What a document must say: at a place, one of some words, or what a pattern finds."""

    at: Place | None = None
    one_of: Words = Field(frozenset(), alias="is")
    matches: Pattern | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.one_of and self.at is None:
            raise ValueError("'is' needs 'at': the place where the word stands")
        return self


class RuleOptions(ConditionOptions):
    """`[[provider.answer.rule]]`: the first that fits says what an answer means."""

    status: StatusSet = frozenset()
    outcome: Outcome
    reason: Reason = ""
    retry_after: float | None = Field(None, gt=0, description="seconds")

    @model_validator(mode="after")
    def _decides(self) -> Self:
        if not self.status and self.at is None and self.matches is None:
            raise ValueError("needs something to look at: status, at or matches")
        return self


class AnswerOptions(Table):
    """`[provider.answer]`: how an answer to a submit is read."""

    id: Place | None = None
    id_pattern: GroupPattern | None = None
    error: Place | None = None
    error_pattern: GroupPattern | None = None
    rule: tuple[RuleOptions, ...] = ()

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for name, place, pattern in (("id", self.id, self.id_pattern), ("error", self.error, self.error_pattern)):
            if place is not None and pattern is not None:
                raise ValueError(f"has either {name} (a place in JSON) or {name}_pattern (in a text), not both")
        return self


class SignatureOptions(Table):
    """`[provider.webhook.signature]`: HMAC of the body (RFC 2104), in a header."""

    header: str
    key: Secret
    algorithm: Literal["sha1", "sha256", "sha384", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""


class SecretFieldOptions(Table):
    """`[provider.webhook.field]`: a field that must hold a secret."""

    at: Place
    value: Secret


class WebhookAnswerOptions(Table):
    """`[provider.webhook.answer]`: what the provider wants to read back."""

    status: int = Field(200, ge=200, le=299)
    text: str = ""
    media_type: str = Field("text/plain; charset=utf-8", pattern=r"^[!-~][ -~]*$")


class MessageOptions(Table):
    """`[provider.webhook.message]`: where an incoming SMS has its parts."""

    from_: Place = Field(alias="from")
    to: Place
    text: Place
    text_hex: Place | None = None
    coding: Place | None = None
    id: Place | None = None
    at: Place | None = None
    part_ref: Place | None = None
    part_total: Place | None = None
    part_number: Place | None = None
    when: ConditionOptions | None = None

    @model_validator(mode="after")
    def _known_again(self) -> Self:
        if self.id is None and self.at is None:
            raise ValueError("needs id, or at: else two equal SMS could not be told from one that is sent again")
        parts = (self.part_ref, self.part_total, self.part_number)
        if any(parts) and not all(parts):
            raise ValueError("needs all of part_ref, part_total and part_number, or none")
        if (self.text_hex is None) != (self.coding is None):
            raise ValueError("needs both text_hex and coding, or none: octets mean nothing without their alphabet")
        return self


class ReportOptions(Table):
    """`[provider.webhook.report]`: where a delivery report has its parts, and what its words mean."""

    id: Place
    status: Place
    to: Place | None = None
    at: Place | None = None
    cause: Place | None = None
    statuses: dict[ReportStatus, Words]
    when: ConditionOptions | None = None

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        seen: set[str] = set()
        for words in self.statuses.values():
            if both := seen & words:
                raise ValueError(f"statuses has '{min(both)}' twice")
            seen |= words
        return self


class WebhookOptions(DoorOptions):
    """`[provider.webhook]`: how the provider calls us, and how it proves that it does."""

    signature: SignatureOptions | None = None
    field: SecretFieldOptions | None = None
    answer: WebhookAnswerOptions = WebhookAnswerOptions()
    list: Place | None = None
    message: MessageOptions | None = None
    report: ReportOptions | None = None

    @model_validator(mode="after")
    def _hears_something(self) -> Self:
        if self.message is None and self.report is None:
            raise ValueError("needs a table message, a table report, or both")
        return self


class HttpOptions(ConnectionOptions):
    """The whole table of a provider of this kind."""

    url: Annotated[str, AfterValidator(address)]
    method: Literal["GET", "POST", "PUT"] = "POST"
    user: str | None = None
    password: SecretStr | None = None
    token: Secret | None = None
    headers: dict[str, str] = Field({})
    query: dict[str, Any] = Field({})
    form: dict[str, Any] | None = None
    json_: Any = Field(None, alias="json")
    xml: str | None = None
    encodings: dict[Literal["gsm7", "ucs2"], str] = Field({})
    idempotent: bool = False
    answer: AnswerOptions = AnswerOptions()
    webhook: WebhookOptions | None = None

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        bodies = [name for name, body in self.bodies.items() if body is not None]
        if len(bodies) > 1:
            raise ValueError(f"a request has one body: {' or '.join(bodies)}")
        if bodies and self.method == "GET":
            raise ValueError(f'a GET has no {bodies[0]}: set method = "POST", or write query')
        return self

    @model_validator(mode="after")
    def _signs_in_one_way(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together")
        if self.user is not None and self.token is not None:
            raise ValueError("a request signs in with user and password, or with a token, not both")
        if self.user is not None and ":" in self.user:
            raise ValueError("user must have no colon (RFC 7617)")
        return self

    @model_validator(mode="after")
    def _says_what_it_must(self) -> Self:
        named = names_in([self.url, self.query, self.headers, *self.bodies.values()])
        for needed in ("to", "text"):
            if not any(name.split("_")[0] == needed for name in named):
                raise ValueError(f"no part of the request holds {{{needed}}}")
        if self.idempotent and "id" not in named:
            raise ValueError("idempotent needs {id} in the request: by it the provider knows a message again")
        if "webhook" in named and self.webhook is None:
            raise ValueError("{webhook} needs a table webhook")
        _compile(self)
        return self

    @property
    def secrets(self) -> list[str]:
        """What no log may show, though a provider may repeat it: passwords, and whatever else is fixed in requests."""
        kept = [secret.get_secret_value() for secret in (self.password, self.token) if secret is not None]
        if self.webhook is not None:
            kept.append(self.webhook.secret.get_secret_value())
        fixed = texts_in([self.query, self.headers, self.form, self.json_])
        return kept + [text for text in fixed if len(text) >= _SHORTEST_SECRET and not names_in(text)]

    @property
    def bodies(self) -> dict[str, Any]:
        """The possible bodies by name; at most one is not None."""
        return {"form": self.form, "json": self.json_, "xml": self.xml}


def _compile(options: HttpOptions) -> None:
    """Raise `ValueError` where a template cannot be compiled."""
    compiler = Compiler({}, "")
    compiler.url(options.url, options.query)
    for name, text in options.headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError("headers have names of letters, digits and hyphens")
        compiler.header(name, text)
    if options.form is not None:
        compiler.form(options.form)
    if options.json_ is not None:
        compiler.json(options.json_)
    if options.xml is not None:
        compiler.xml(options.xml)


def read_options(options: Mapping[str, Any]) -> HttpOptions:
    """Check options. Raises `ValueError` with a sentence for each mistake, separated by semicolons."""
    return read_table(HttpOptions, options)
