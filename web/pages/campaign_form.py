"""The form of a campaign, section by section: what its fields hold, and how a content is read from them.

In: what was typed. Out: a `Content`; or `WrongFields`, each with the field beside which the reason stands. A section is
one template with one `Section` here, so a new subject adds its own and touches none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from starlette.datastructures import FormData

from campaigns.campaign import Content, Launch, Limits
from campaigns.drafts import BadDraft
from campaigns.model import Audience, Channel
from campaigns.schedule import read_window, write_window
from campaigns.text_errors import TextError
from campaigns.trial import FIRST, VERSIONS, Rule, Trial, language_of, version_of
from gateway.money import Money
from gateway.registry.errors import AccountError, BadValue
from gateway.translation import sentence
from web.language import say, told, tongue

Typed = Mapping[str, Any]
"""What the fields of the form hold: texts, and lists of texts."""


OTHERS = VERSIONS[1:3]
"""Versions beside A that the form has room for."""


class WrongField(Exception):
    """A field that cannot be read, and why."""

    def __init__(self, field: str, error: AccountError) -> None:
        super().__init__(field)
        self.field = field
        self.error = error


class WrongFields(Exception):
    """Fields that cannot be read, the first of each section, and why."""

    def __init__(self, errors: Mapping[str, AccountError]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the form."""

    template: str
    fields: Callable[[FormData], Typed]
    """What was typed, as it is shown again."""
    shown: Callable[[Content], Typed]
    """What the fields hold of a content that is there."""
    read: Callable[[Typed, Content], Content]
    """The content with what was typed. Raises WrongField."""


def typed_of(form: FormData) -> dict[str, Any]:
    """All that was typed."""
    return {name: value for section in SECTIONS for name, value in section.fields(form).items()}


def shown_of(content: Content) -> dict[str, Any]:
    """All fields of a content."""
    return {name: value for section in SECTIONS for name, value in section.shown(content).items()}


def read_content(typed: Typed, account_id: str, before: Content | None = None) -> Content:
    """What was typed as a content, with all of `before` that the form does not ask for. Raises WrongFields."""
    content = replace(before or Content("", "", {}), account_id=account_id)
    errors: dict[str, AccountError] = {}
    for section in SECTIONS:
        try:
            content = section.read(typed, content)
        except WrongField as wrong:
            errors[wrong.field] = wrong.error
    if errors:
        raise WrongFields(errors)
    return content


def fields_of(error: AccountError, typed: Typed) -> dict[str, str]:
    """Reasons that only the whole content gave, by the field that each belongs to."""
    if isinstance(error, BadDraft):
        return {_FIELDS.get(name, name): say(problem) for name, problem in error.problems.items()}
    if isinstance(error, TextError):
        return {"text": told(error)}
    return {"where" if typed["whom"] == "where" else "": told(error)}


_FIELDS: Mapping[str, str] = {"texts": "text", "subjects": "subject", "trial": "versions", "limits": "per_minute"}
"""The fields of the form that hold parts of a content which are called otherwise."""


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _texts(form: FormData, name: str) -> list[str]:
    return [value for value in form.getlist(name) if isinstance(value, str)]


def _plain(*names: str) -> Callable[[FormData], Typed]:
    return lambda form: {name: _text(form, name) for name in names}


# --- what it is called and says ------------------------------------------------------------------------------------


def _read_name(typed: Typed, content: Content) -> Content:
    return replace(content, name=typed["name"])


def _text_fields(form: FormData) -> Typed:
    rows = zip_longest(_texts(form, "language"), _texts(form, "variant"), _texts(form, "variant_subject"), fillvalue="")
    return {"text": _text(form, "text"), "variants": [row for row in rows if row[1].strip() or row[2].strip()]}


def _shown_texts(content: Content) -> Typed:
    variants = [
        (language, text, content.subjects.get(language, ""))
        for language, text in content.texts.items()
        if language and version_of(language) == FIRST
    ]
    return {"text": content.texts.get("", ""), "variants": variants}


def _read_texts(typed: Typed, content: Content) -> Content:
    texts = {"": typed["text"].replace("\r\n", "\n")}
    subjects = {code: subject for code, subject in content.subjects.items() if not _has_row(code, content)}
    for language, text, subject in typed["variants"]:
        if not text.strip():
            raise WrongField("variants", BadValue(sentence("a subject in another language needs a text in it as well")))
        code = language.strip().lower()
        if not code or code in texts or "/" in code:
            raise WrongField("variants", BadValue(sentence("choose another language for each further text")))
        texts[code] = text.replace("\r\n", "\n")
        if subject.strip():
            subjects[code] = " ".join(subject.split())
    return replace(content, texts=texts, subjects=subjects)


def _has_row(language: str, content: Content) -> bool:
    """Whether the form shows a subject beside a text of that language: the others are not its to take away."""
    return bool(language) and version_of(language) == FIRST and language in content.texts


def _shown_channel(content: Content) -> Typed:
    return {"channel": str(content.channel), "subject": content.subjects.get("", "")}


def _read_channel(typed: Typed, content: Content) -> Content:
    """The common subject: those of other languages stand beside their texts."""
    if not typed["channel"]:
        return content
    subject = " ".join(typed["subject"].split())
    others = {language: text for language, text in content.subjects.items() if language}
    channel = Channel.EMAIL if typed["channel"] == Channel.EMAIL else Channel.SMS
    return replace(content, channel=channel, subjects={"": subject, **others} if subject else others)


def _trial_fields(form: FormData) -> Typed:
    texts = {version: _text(form, f"version_{version}") for version in OTHERS}
    subjects = {version: _text(form, f"version_subject_{version}") for version in OTHERS}
    languages, translated = _texts(form, "version_language"), _texts(form, "version_variant")
    variants = list(zip(languages, translated, strict=False))
    plain = _plain("share", "rule", "hours")(form)
    return {**plain, "versions": texts, "version_subjects": subjects, "version_variants": variants}


def _shown_trial(content: Content) -> Typed:
    trial = content.trial or Trial()
    others = {variant: text for variant, text in content.texts.items() if version_of(variant) != FIRST}
    return {
        "versions": {version: others.get(f"{version}/", "") for version in OTHERS},
        "version_subjects": {version: content.subjects.get(f"{version}/", "") for version in OTHERS},
        "version_variants": [pair for pair in others.items() if language_of(pair[0])],
        "share": str(trial.share),
        "rule": str(trial.rule),
        "hours": f"{trial.hours:g}",
    }


def _read_trial(typed: Typed, content: Content) -> Content:
    subjects = {version: " ".join(text.split()) for version, text in typed["version_subjects"].items()}
    content = replace(content, subjects=_with_versions(content.subjects, subjects))
    # A version that only has another subject says what A says.
    written = {version: text if text.strip() else typed["text"] for version, text in typed["versions"].items()}
    tried = [version for version in OTHERS if typed["versions"][version].strip() or subjects[version]]
    texts = {f"{version}/": written[version].replace("\r\n", "\n") for version in tried}
    for name, text in typed["version_variants"]:
        if not text.strip():
            continue
        version, _, language = name.strip().lower().partition("/")
        variant = f"{version}/{language.strip()}"
        if version not in OTHERS or not language.strip() or variant in texts:
            raise WrongField("versions", BadValue(sentence("write a version and a language, as b/da, each once")))
        texts[variant] = text.replace("\r\n", "\n")
    if not texts:
        return replace(content, trial=None)
    if typed["rule"] not in set(Rule):
        raise WrongField("rule", BadValue(sentence("choose what tells the winner")))
    try:
        hours = float(typed["hours"].strip().replace(",", ".") or "0")
    except ValueError as error:
        raise WrongField("hours", BadValue(sentence("write a number of hours"))) from error
    trial = Trial(_number(typed, "share"), Rule(typed["rule"]), hours)
    return replace(content, texts={**content.texts, **texts}, trial=trial)


def _with_versions(subjects: Mapping[str, str], of_versions: Mapping[str, str]) -> Mapping[str, str]:
    """The subjects of a content, with those of versions as they are now; an empty one is none."""
    own = {f"{version}/": text for version, text in of_versions.items()}
    others = {variant: text for variant, text in subjects.items() if variant not in own}
    return {**others, **{variant: text for variant, text in own.items() if text}}


def _read_links(typed: Typed, content: Content) -> Content:
    return replace(content, short_links=typed["short_links"] == "on")


# --- who gets it ---------------------------------------------------------------------------------------------------


def _audience_fields(form: FormData) -> Typed:
    whom = _text(form, "whom")
    return {
        "whom": whom if whom in {"everybody", "where"} else "chosen",
        "where": _text(form, "where"),
        "groups": _texts(form, "groups"),
        "without": _texts(form, "without"),
        "consent": _text(form, "consent"),
        "contacts": list(dict.fromkeys(each for each in _texts(form, "contacts") if each.isdecimal())),
    }


def _shown_audience(content: Content) -> Typed:
    audience = content.audience
    whom = "chosen" if audience.filter is None else ("where" if audience.filter else "everybody")
    return {
        "whom": whom,
        "where": audience.filter or "",
        "groups": list(audience.groups),
        "without": list(audience.without),
        "consent": content.consent,
        "contacts": [str(each) for each in audience.contacts],
    }


def audience_of(typed: Typed) -> Audience:
    """Whom the fields mean. Raises WrongField."""
    if typed["whom"] == "where" and not typed["where"].strip():
        raise WrongField("where", BadValue(sentence("write a condition, or choose everybody")))
    wanted = {"chosen": None, "everybody": "", "where": typed["where"].strip()}[typed["whom"]]
    contacts = tuple(int(each) for each in typed["contacts"] if len(each) < 19)
    return Audience(contacts, tuple(typed["groups"]), wanted, tuple(typed["without"]))


def _read_audience(typed: Typed, content: Content) -> Content:
    return replace(content, audience=audience_of(typed), consent=typed["consent"])


# --- when it leaves, and how much ----------------------------------------------------------------------------------


def _shown_launch(content: Content) -> Typed:
    at = content.start_at
    local = datetime.fromtimestamp(at, tongue().zone).strftime("%Y-%m-%dT%H:%M") if at is not None else ""
    return {
        "launch": str(content.launch),
        "start_at": local,
        "window": write_window(content.window),
        "zone": content.window.zone,
        "any_hour": "on" if content.any_hour else "",
        "any_day": "on" if content.any_day else "",
    }


def _read_launch(typed: Typed, content: Content) -> Content:
    deferred = typed["launch"] == Launch.DEFERRED
    start_at = _moment(typed["start_at"]) if deferred else None
    try:
        window = read_window(typed["window"], typed["zone"].strip() or "UTC")
    except BadValue as error:
        raise WrongField("window", error) from error
    launch = Launch.DEFERRED if deferred else Launch.INSTANT
    rests = {"any_hour": typed["any_hour"] == "on", "any_day": typed["any_day"] == "on"}
    return replace(content, launch=launch, start_at=start_at, window=window, **rests)


def _moment(written: str) -> float:
    """A time of the viewer's clock."""
    try:
        local = datetime.fromisoformat(written.strip()).replace(tzinfo=tongue().zone)
        return local.astimezone(UTC).timestamp()
    except (ValueError, OverflowError) as error:
        wrong = BadValue(sentence("a deferred campaign has a start date: choose one, or launch it at once"))
        raise WrongField("start_at", wrong) from error


def _shown_limits(content: Content) -> Typed:
    limits = content.limits
    counts = {"per_minute": limits.per_minute, "per_week": limits.per_week}
    return {name: str(value or "") for name, value in counts.items()} | shown_budget(limits)


def shown_budget(limits: Limits) -> dict[str, str]:
    """The fields of what may be spent."""
    amount, _, currency = str(limits.cost or "").partition(" ")
    return {"max_parts": str(limits.parts or ""), "max_cost": amount, "currency": currency}


def _read_limits(typed: Typed, content: Content) -> Content:
    per_minute, per_week = (_number(typed, name) for name in ("per_minute", "per_week"))
    return replace(content, limits=with_budget(typed, Limits(per_minute, per_week)))


def with_budget(typed: Typed, limits: Limits) -> Limits:
    """The limits with what `max_parts`, `max_cost` and `currency` say. Raises WrongField."""
    parts = _number(typed, "max_parts")
    cost = Money.of(typed["max_cost"], typed["currency"]) if typed["max_cost"].strip() else None
    if typed["max_cost"].strip() and (cost is None or cost.thousandths < 0):
        raise WrongField("max_cost", BadValue(sentence("write an amount and a currency, as 100 DKK")))
    return replace(limits, parts=parts, cost=cost)


def _number(typed: Typed, name: str) -> int:
    written = typed[name].strip()
    if not written:
        return 0
    if not (written.isascii() and written.isdecimal() and len(written) <= 9):
        raise WrongField(name, BadValue(sentence("write a number, or nothing for no limit")))
    return int(written)


SECTIONS: Sequence[Section] = (
    Section("campaigns/edit_name.html", _plain("name", "account"), lambda content: {"name": content.name}, _read_name),
    Section("campaigns/edit_channel.html", _plain("channel", "subject"), _shown_channel, _read_channel),
    Section("campaigns/edit_text.html", _text_fields, _shown_texts, _read_texts),
    Section("campaigns/edit_trial.html", _trial_fields, _shown_trial, _read_trial),
    Section(
        "campaigns/edit_links.html",
        _plain("short_links"),
        lambda content: {"short_links": "on" if content.short_links else ""},
        _read_links,
    ),
    Section("campaigns/edit_audience.html", _audience_fields, _shown_audience, _read_audience),
    Section(
        "campaigns/edit_launch.html",
        _plain("launch", "start_at", "window", "zone", "any_hour", "any_day"),
        _shown_launch,
        _read_launch,
    ),
    Section(
        "campaigns/edit_limits.html",
        _plain("per_minute", "per_week", "max_parts", "max_cost", "currency"),
        _shown_limits,
        _read_limits,
    ),
)
"""In the order of the page."""
