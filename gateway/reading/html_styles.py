"""What the styles of an HTML mail do to its text: hide it, or set its paragraphs close together.

In: attributes of an element, or style sheets. Out: whether it is shown, whether it has vertical margins. Only what mail
clients write is understood, no cascade. Promise: bounded work on any input.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

Attributes = Mapping[str, str | None]
"""Of one element."""

_HIDING: Final[re.Pattern[str]] = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:;|!|$)|"
    r"max-height\s*:\s*0(?:px)?\s*(?:;|!|$)|opacity\s*:\s*0\s*(?:;|!|$)",
    re.IGNORECASE,
)


def is_hidden(tag: str, attributes: Attributes) -> bool:
    """Whether an element and what stands in it is not shown. A mail whose whole body says so is shown all the same."""
    if not attributes or tag == "body":
        return False
    style = attributes.get("style")
    return "hidden" in attributes or (style is not None and _HIDING.search(style[:2000]) is not None)


def is_tight(style: str) -> bool | None:
    """Read a declaration: True for no vertical margin, False for some, None where it does not say."""
    said: dict[str, bool] = {}
    for declaration in style.lower().split(";"):
        name, _, value = declaration.partition(":")
        name, sizes = name.strip(), value.replace("!important", "").split()
        if not sizes or not name.startswith("margin"):
            continue
        if name == "margin":
            said["top"], said["bottom"] = (
                _is_nothing(sizes[0]),
                _is_nothing(sizes[min(2, len(sizes) - 1) if len(sizes) > 2 else 0]),
            )
        elif name in {"margin-top", "margin-bottom"}:
            said[name[7:]] = _is_nothing(sizes[0])
    return all(said.values()) if said else None


def _is_nothing(size: str) -> bool:
    number = re.match(r"-?\d*\.?\d*", size)
    return number is not None and number.group() not in {"", ".", "-"} and abs(float(number.group() or 0)) < 0.01


def tight_selectors(styles: list[str]) -> frozenset[str]:
    """Collect the selectors ("p", "p.msonormal", ".x") that the style sheets give no vertical margins."""
    tight: set[str] = set()
    for rule in "".join(styles).replace("<!--", "").split("}")[:2000]:
        selectors, _, body = rule.rpartition("{")
        verdict = is_tight(body) if "margin" in body or "MARGIN" in body else None
        if verdict is not None:
            names = {name.strip().lower() for name in selectors.rpartition("*/")[2].split(",")[:50]}
            tight = tight | names if verdict else tight - names
    return frozenset(tight)
