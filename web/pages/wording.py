"""Words and colours for what the gateway keeps as codes: states, events of a message's story, reasons. Pure."""

from __future__ import annotations

from web.language import gettext as _


def state_words(state: str) -> str:
    """A state of an SMS, either way."""
    known = {
        "queued": _("waits"),
        "submitting": _("is being sent"),
        "submitted": _("sent"),
        "delivered": _("delivered"),
        "failed": _("failed"),
        "expired": _("expired"),
        "unknown": _("unknown"),
        "mailed": _("mailed"),
        "held": _("held"),
        "asked": _("asked about"),
        "unrouted": _("nobody's"),
    }
    return known.get(state, state)


_COLOURS = {
    "queued": "blue",
    "submitting": "blue",
    "submitted": "azure",
    "delivered": "green",
    "mailed": "green",
    "failed": "red",
    "expired": "orange",
    "unknown": "orange",
    "held": "orange",
    "asked": "orange",
    "unrouted": "red",
}


def state_colour(state: str) -> str:
    """The colour that a state is shown in, by Tabler's names."""
    return _COLOURS.get(state, "secondary")


def event_words(event: str) -> str:
    """A step of a message's story."""
    known = {
        "mail received": _("Mail received"),
        "sender proven": _("Sender proven"),
        "mail read": _("Mail read"),
        "SMS stored": _("SMS stored"),
        "attempt begun": _("Attempt begun"),
        "attempt ended": _("Attempt ended"),
        "delivery report": _("Delivery report"),
        "state": _("State"),
        "sender told": _("Sender told"),
        "sender wants no report": _("Sender wants no report"),
        "mail queued": _("Mail queued"),
        "mail sent": _("Mail sent"),
        "mail failed": _("Mail failed"),
        "SMS received": _("SMS received"),
        "part received": _("Part received"),
        "SMS routed": _("SMS routed"),
        "text removed": _("Text removed"),
        "SMS written": _("SMS written"),
        "campaign started": _("Campaign started"),
    }
    return known.get(event, event)


def way_words(way: str) -> str:
    """Which way an SMS went."""
    return {"out": _("to the phone"), "in": _("from the phone")}.get(way, way)
