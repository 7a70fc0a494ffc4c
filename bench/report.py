"""Results as lines on the terminal, as a table in Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.results import Row, Side

README = Path(__file__).with_name("README.md")
RESULTS = Path(__file__).with_name("results.json")
_BEGIN, _END = "<!-- results -->", "<!-- end of results -->"
_HEAD = """\
| row | what | target | measured | | messages/s | CPU a message, ms | p50 / p99, ms | memory, MB |
|---|---|---|---|---|---|---|---|---|
"""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _delays(side: Side) -> str:
    if side.p50_ms is None or side.p99_ms is None:
        return "–"
    return f"{side.p50_ms:.1f} / {side.p99_ms:.1f}"


def line(row: Row) -> str:
    """A row for people at a terminal, each side beneath it."""
    verdict = "" if row.reached is None else f"   (target {row.target}: {'reached' if row.reached else 'NOT REACHED'})"
    lines = [f"{row.name:14} {row.what}: {_number(row.value)} {row.unit}{verdict}"]
    lines += [
        f"{'':14}   {side.name:42} {side.rate:9,.0f}/s {side.cpu_ms:8.3f} ms CPU a message"
        f"   p50/p99 {_delays(side):>15} ms   {side.peak_mb:6.0f} MB   runs {', '.join(map(_number, side.rates))}"
        for side in row.sides
    ]
    if row.note:
        lines.append(f"{'':14}   {row.note}")
    return "\n".join(lines)


def table(rows: Sequence[Row]) -> str:
    """All rows in Markdown: a line per row, and one per further side."""
    lines = []
    for row in rows:
        first, *others = row.sides or (None,)
        measured = f"{_number(row.value)} {row.unit}"
        verdict = {True: "reached", False: "**not reached**", None: ""}[row.reached]
        what = row.what if first is None or not first.name else f"{row.what}<br>{first.name}"
        note = f"<br>*{row.note}*" if row.note else ""
        lines.append(
            f"| `{row.name}` | {what}{note} | {row.target or '–'} | {measured} | {verdict} | {_cells(first)} |"
        )
        lines += [f"| | {other.name} | | | | {_cells(other)} |" for other in others if other is not None]
    return _HEAD + "\n".join(lines) + "\n"


def _cells(side: Side | None) -> str:
    if side is None:
        return "| | |"
    return f"{_number(side.rate)} | {side.cpu_ms:.3f} | {_delays(side)} | {side.peak_mb:.0f}"


def publish(rows: Sequence[Row], setup: str) -> None:
    """Write what was measured into README.md and results.json; rows that were not measured now stay as they were."""
    anew = {row.name for row in rows}
    kept = [(of, [row for row in there if row.name not in anew]) for of, there in _published()]
    sessions = [(of, there) for of, there in kept if there] + [(setup, rows)]
    text = "\n".join(f"{of}\n\n{table(there)}" for of, there in sessions)
    before, _, rest = README.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    README.write_text(f"{before}{_BEGIN}\n\n{text}\n{_END}{after}")
    RESULTS.write_text(_json([{"setup": of, "rows": [asdict(row) for row in there]} for of, there in sessions]))


def _published() -> list[tuple[str, list[Row]]]:
    """The sessions that results.json holds: what was measured on which machine, and the rows."""
    return [(each["setup"], [_row(row) for row in each["rows"]]) for each in json.loads(RESULTS.read_text())]


def _row(fields: dict[str, Any]) -> Row:
    sides = tuple(Side(**{**side, "rates": tuple(side["rates"])}) for side in fields["sides"])
    return Row(**{**fields, "sides": sides})


def write_json(rows: Sequence[Row], setup: str, path: Path) -> None:
    """Everything that was measured, for machines."""
    path.write_text(_json({"setup": setup, "rows": [asdict(row) for row in rows]}))


def _json(value: object) -> str:
    return json.dumps(value, indent=1) + "\n"
