"""Reads what a provider answered to a submit: accepted, temporary, permanent or unknown. Pure.

In: HTTP status, headers' Retry-After, the body. Out: a `SubmitResult`, whatever was answered. The configuration's rules
are asked first, in order; then the status speaks for itself. What is not known to have been refused is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors import Outcome
from gateway.providers.http_call import Answer
from gateway.providers.http_wire.options import AnswerOptions, ConditionOptions, RuleOptions
from gateway.providers.places import ABSENT, Condition, parse_json, steps, value, values
from gateway.providers.telling import discreet
from gateway.sms import SubmitResult

_MAX_REF = 200


@dataclass(frozen=True, slots=True)
class _Rule:
    options: RuleOptions
    condition: Condition | None

    def fits(self, answer: Answer, document: Any) -> bool:
        """Whether the rule speaks of this answer."""
        if self.options.status and answer.status not in self.options.status:
            return False
        return self.condition is None or self.condition.holds(document, answer.text)

    def fits_in_part(self, answer: Answer, document: Any) -> bool:
        """Whether the answer speaks of several parts, and the rule only fits some."""
        return self.condition is not None and not self.condition.holds_throughout(document, answer.text)


def condition(options: ConditionOptions) -> Condition | None:
    """Compile a condition; None where the options ask for nothing."""
    if options.at is None and options.matches is None:
        return None
    return Condition(None if options.at is None else steps(options.at), options.one_of, options.matches)


class AnswerReader:
    """Reads the answers of one provider; `secrets` never leave in a cause."""

    def __init__(self, options: AnswerOptions, secrets: Sequence[str]) -> None:
        self._id = None if options.id is None else steps(options.id)
        self._id_pattern = options.id_pattern
        self._error = None if options.error is None else steps(options.error)
        self._error_pattern = options.error_pattern
        self._rules = [_Rule(rule, condition(rule)) for rule in options.rule]
        self._secrets = [secret for secret in secrets if secret]
        self._needs_json = self._id is not None or any(rule.options.at for rule in self._rules)

    def read(self, answer: Answer, own_id: str, text: str, now: float) -> SubmitResult:
        """What an answer means for the message `own_id` with its `text`."""
        document = parse_json(answer.text) if self._needs_json or self._error else ABSENT
        refs = self._refs(answer, document, own_id)
        for rule in self._rules:
            if rule.fits(answer, document):
                outcome = rule.options.outcome
                if outcome is Outcome.TEMPORARY and rule.fits_in_part(answer, document):
                    return self._result(Outcome.UNKNOWN, answer, document, refs, text, "only some parts were refused")
                made = self._result(outcome, answer, document, refs, text, "")
                return self._with(made, rule.options, answer, now)
        return self._by_status(answer, document, refs, text, now)

    def expected_refs(self, own_id: str) -> tuple[str, ...]:
        """The ids by which reports will name a message that no answer was read for."""
        return (own_id,) if self._id is None and self._id_pattern is None else ()

    def _by_status(self, answer: Answer, document: Any, refs: tuple[str, ...], text: str, now: float) -> SubmitResult:
        if answer.outcome is Outcome.ACCEPTED and self._needs_json and document is ABSENT:
            return self._result(Outcome.UNKNOWN, answer, document, refs, text, "the answer cannot be read")
        made = self._result(answer.outcome, answer, document, refs, text, "")
        return self._with(made, None, answer, now) if made.outcome is Outcome.TEMPORARY else made

    def _with(self, made: SubmitResult, rule: RuleOptions | None, answer: Answer, now: float) -> SubmitResult:
        """A result with what its rule adds."""
        wait = rule.retry_after if rule else None
        if made.outcome is Outcome.TEMPORARY and wait is None:
            wait = answer.pause(now)
        return SubmitResult(
            made.outcome,
            refs=made.refs,
            cause=made.cause,
            reason=rule.reason if rule else "",
            public_text=made.public_text,
            retry_after=wait,
        )

    def _result(
        self, outcome: Outcome, answer: Answer, document: Any, refs: tuple[str, ...], text: str, why: str
    ) -> SubmitResult:
        if outcome is Outcome.ACCEPTED:
            if refs:
                return SubmitResult(Outcome.ACCEPTED, refs=refs)
            outcome, why = Outcome.UNKNOWN, "the answer has no id"
        cause = ": ".join(filter(None, (answer.phrase, why, self._words(answer, document, text))))
        return SubmitResult(
            outcome,
            refs=refs if outcome is Outcome.UNKNOWN else (),
            cause=cause,
            public_text=answer.phrase if outcome is Outcome.PERMANENT else "",
        )

    def _refs(self, answer: Answer, document: Any, own_id: str) -> tuple[str, ...]:
        """The provider's ids; our own where the configuration names no place for one."""
        if self._id is not None:
            found = values(document, self._id)
        elif self._id_pattern is not None:
            found = [match[1] or "" for match in self._id_pattern.finditer(answer.text)]
        else:
            return (own_id,)
        return tuple(dict.fromkeys(ref[:_MAX_REF] for each in found if (ref := each.strip())))

    def _words(self, answer: Answer, document: Any, text: str) -> str:
        """The provider's own words, without what must not be read in a log."""
        words = value(document, self._error) or ""
        if self._error_pattern is not None and (found := self._error_pattern.search(answer.text)):
            words = found[1] or ""
        return discreet(words, (*self._secrets, text))
