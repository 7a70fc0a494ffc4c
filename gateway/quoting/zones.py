"""Which HTML elements hold quoted mail, by the classes, ids and styles that mail clients give them.

In: an element's name and attributes. Out: the zone that it opens (`html_text.Zone`). Promise: only what a
client writes itself counts; a plain indent or a coloured border of the person's own does not.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.reading.html_styles import Attributes
from gateway.reading.html_text import Zone

_CLASSES: Final[dict[str, Zone]] = {
    "gmail_attr": Zone.SHELL,
    "moz-cite-prefix": Zone.QUOTED,
    "moz-forward-container": Zone.QUOTED,
    "moz-email-headers-table": Zone.QUOTED,
    "OutlookMessageHeader": Zone.HISTORY,
    "ms-outlook-mobile-reference-message": Zone.QUOTED,
    "protonmail_quote": Zone.SHELL,
    "gmail_quote": Zone.SHELL,
    "yahoo_quoted": Zone.SHELL,
    "zmail_extra": Zone.SHELL,
    "airmail_on": Zone.QUOTED,
    "airmail_ext_on": Zone.QUOTED,
    "replyHeader": Zone.QUOTED,
    "tutanota_quote": Zone.QUOTED,
    "fairemail_quote": Zone.QUOTED,
    "mailbox_quote": Zone.QUOTED,
    "ncrypt-quote": Zone.QUOTED,
    "front-blockquote": Zone.QUOTED,
    "lotus_notes_quote": Zone.QUOTED,
}
_IDS: Final[dict[str, Zone]] = {
    "divRplyFwdMsg": Zone.HISTORY,
    "stopSpelling": Zone.HISTORY,
    "appendonsend": Zone.AFTER,
    "mail-editor-reference-message-container": Zone.QUOTED,
    "OLK_SRC_BODY_SECTION": Zone.QUOTED,
    "MAC_OUTLOOK_ATTRIBUTION_BLOCKQUOTE": Zone.QUOTED,
    "isReplyContent": Zone.QUOTED,
    "isForwardContent": Zone.QUOTED,
    "reply-intro": Zone.QUOTED,
    "mail-app-auto-quote": Zone.QUOTED,
    "divReplyFwdMsg": Zone.HISTORY,
}
_NAMES: Final[dict[str, Zone]] = {
    "quote": Zone.QUOTED,
    "messageReplySection": Zone.SHELL,
}
_MARKERS: Final[dict[str, Zone]] = {"__HEADERS__": Zone.QUOTED, "__QUOTED_TEXT__": Zone.QUOTED}
_QUOTING_CLASSES: Final[frozenset[str]] = frozenset(
    {"gmail_quote", "protonmail_quote", "yahoo_quoted", "clean_bq", "tutanota_quote", "zmail_extra", "mailquote"}
)
_BAR: Final[re.Pattern[str]] = re.compile(
    r"border-left(?:-width|-style|-color)?\s*:(?!\s*(?:none|0|medium none))", re.IGNORECASE
)
_WORD_BAR: Final[re.Pattern[str]] = re.compile(r"border-left\s*:\s*solid\s+blue", re.IGNORECASE)
_WORD_RULE: Final[re.Pattern[str]] = re.compile(
    r"border-top\s*:\s*(?:#[0-9a-f]{6}|solid|rgb\([^)]*\)|windowtext)\s+[^;]*(?:pt|px)", re.IGNORECASE
)


def zone_of(tag: str, attributes: Attributes) -> Zone:
    """Return the zone that an element opens; OWN where it says nothing."""
    if tag == "blockquote":
        return _blockquote(attributes)
    if not attributes:
        return Zone.OWN
    identity = attributes.get("id")
    zone = _IDS.get(identity, Zone.OWN) if identity else Zone.OWN
    for name in (attributes.get("class") or "").split()[:10]:
        zone = max(zone, _CLASSES.get(name, Zone.OWN))
    if "name" in attributes:
        zone = max(zone, _NAMES.get(attributes.get("name") or "", Zone.OWN))
    if "data-marker" in attributes:
        zone = max(zone, _MARKERS.get(attributes.get("data-marker") or "", Zone.OWN))
    if zone is Zone.OWN and tag == "div":
        return _div(identity or "", attributes.get("style") or "")
    return zone


def _blockquote(attributes: Attributes) -> Zone:
    if (attributes.get("type") or "").lower() == "cite" or "cite" in attributes or attributes.get("id") in _IDS:
        return Zone.QUOTED
    if _QUOTING_CLASSES.intersection((attributes.get("class") or "").split()):
        return Zone.QUOTED
    style = attributes.get("style") or ""
    return Zone.QUOTED if _BAR.search(style) else Zone.INDENTED


def _div(identity: str, style: str) -> Zone:
    if identity.startswith("yahoo_quoted"):
        return Zone.SHELL
    if not style or len(style) > 600:
        return Zone.OWN
    if _WORD_BAR.search(style):
        return Zone.QUOTED
    return Zone.HEADER if _WORD_RULE.search(style) else Zone.OWN
