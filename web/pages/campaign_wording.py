"""Words and colours for what campaigns keep as codes. Pure."""

from __future__ import annotations

from campaigns.campaign import Cause, State
from campaigns.trial import Rule
from web.language import gettext as _


def campaign_state(state: str) -> str:
    """Where a campaign stands."""
    known: dict[str, str] = {
        State.DRAFT: _("draft"),
        State.APPROVAL: _("waiting for approval"),
        State.SCHEDULED: _("scheduled"),
        State.RUNNING: _("running"),
        State.PAUSED: _("paused"),
        State.FINISHED: _("finished"),
        State.CANCELLED: _("cancelled"),
    }
    return known.get(state, state)


def campaign_colour(state: str) -> str:
    """The colour that a state is shown in, by Tabler's names."""
    return {"approval": "orange", "scheduled": "azure", "running": "blue", "paused": "orange", "finished": "green"}.get(
        state, "secondary"
    )


def campaign_rule(rule: Rule) -> str:
    """What tells the winner among versions."""
    return {
        Rule.CLICKS: _("most clicks"),
        Rule.ANSWERS: _("most answers"),
        Rule.OPT_OUTS: _("fewest opt-outs"),
        Rule.DELIVERED: _("most delivered"),
        Rule.HAND: _("a person's choice"),
    }[rule]


def campaign_cause(cause: str) -> str:
    """Why a campaign rests."""
    known: dict[str, str] = {
        Cause.BUDGET: _("its budget is spent"),
        Cause.ACCOUNT: _("the account of the responsible person is closed, or its key paused"),
        Cause.TEXT: _("its text cannot be read any more"),
        Cause.AUDIENCE: _("a group or a field that its audience is chosen by is gone"),
        Cause.WINNER: _("it waits for the winner among its versions"),
    }
    return known.get(cause, cause)
