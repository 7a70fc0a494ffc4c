"""Texts with macros: `Hello {{ first_name | default: "there" }}`, filled in from the fields of a contact. Pure.

In: a text as a person wrote it, and fields. Out: a `Macros` that renders; or a `TextError` that says what cannot be
read, and where. The language is Liquid's, by python-liquid, with the tags and filters that an SMS can need.

Promises: a text has no code: it reads the fields that it is given and nothing else; what it may cost in time, memory
and output is bounded, whoever wrote it; a plain text, of literals and macros alone, is rendered without the library
and gives exactly what the library would.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, Final, NoReturn

import liquid
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import FilterValueError, LiquidError, ResourceLimitError
from liquid.output import LimitedStringIO
from liquid.stringify import to_liquid_string

from campaigns.text_errors import TextError, TooMuch
from gateway.translation import sentence

LONGEST_SOURCE: Final = 10_000
"""Characters of a text as it is written."""
LONGEST_TEXT: Final = 20_000
"""Bytes (UTF-8) that a text may become: more than the longest SMS of 255 parts in GSM-7 has room for."""
MOST_STEPS: Final = 1_000
"""Turns of all loops together; and numbers of a range, which some of the library makes into a list."""
MOST_WORK: Final = 500_000
"""Work of all filters together: `_EACH` for one, and the characters that come out of it."""
_EACH: Final = 25
_LONGEST_NUMBER: Final = 1_024
"""Bits of a whole number."""
_OPENS: Final = re.compile(r"\{\{+|\{%")
_CLOSES: Final = {"{{": "}}", "{%": "%}"}
_UNCLOSED: Final = 500
"""Characters behind a tag that nothing closes: so few are looked through in no time, and the library says it better."""
_MOST_BRACES: Final = 10
_MOST_BLANKS: Final = 100
_BLANKS: Final = re.compile(rf"\s{{{_MOST_BLANKS + 1}}}")

_TAGS: Final = frozenset({"if", "unless", "case", "for", "assign", "comment", "#", "break", "continue"})
_FILTERS: Final = frozenset(
    """
    default upcase downcase capitalize strip lstrip rstrip squish strip_newlines append prepend remove replace truncate
    truncatewords slice size first last date plus minus times divided_by modulo round ceil floor abs at_least at_most
    url_encode
    """.split()  # noqa: SIM905 - a list of this length reads better as words
)
_SPECIAL: Final = frozenset({"size", "first", "last"})
"""What Liquid reads of a list or a text where it has no such field."""
_ITS_OWN: Final = frozenset({"now", "today"})
"""Names that Liquid gives a value where no field is called so; not among ours, for a text must not change by the hour
between a check and its leaving."""

Fields = Mapping[str, Any]
"""What macros read: texts, numbers, truths, None, and linked objects as mappings or lists of them."""
_Piece = Callable[[Fields], str]


@dataclass(frozen=True, slots=True)
class Macro:
    """A field that a text reads, by its path ("first_name", "order.number")."""

    path: tuple[str, ...]
    guarded: bool
    """Whether the text says what stands there where the field is empty."""

    @property
    def name(self) -> str:
        """As it is written in the text."""
        return ".".join(self.path)


class Macros:
    """A text that was read."""

    def __init__(self, source: str, template: liquid.BoundTemplate) -> None:
        self.source = source
        self.names = _names(template)
        """Every field that the text reads, in order of their names."""
        self._template = template
        self._shown = tuple(_shown(template.nodes))
        self._pieces = _plain(template.nodes)

    @property
    def shown(self) -> tuple[Macro, ...]:
        """The fields that stand in the text themselves, in order, each once."""
        return tuple(dict.fromkeys(self._shown))

    def unknown(self, known: Container[str]) -> tuple[str, ...]:
        """The names that are no fields."""
        return tuple(name for name in self.names if name not in known)

    def empty(self, fields: Fields) -> tuple[str, ...]:
        """The macros that would leave a gap in the text of this contact, by name."""
        return tuple(
            macro.name
            for macro in self.shown
            if not macro.guarded and not _written(_look_up(fields, macro.path)).strip()
        )

    def render(self, fields: Fields) -> str:
        """The text for a contact. Raises TooMuch where it is too long or too much work."""
        if self._pieces is None:
            return self.render_by_library(fields)
        pieces = [piece if isinstance(piece, str) else piece(fields) for piece in self._pieces]
        text = "".join(pieces)
        if "\r" in text:  # as the library does: piece by piece
            text = "".join([piece.replace("\r\n", "\n").replace("\r", "\n") for piece in pieces])
        if len(text) > LONGEST_TEXT // 4 and len(text.encode("utf-8", "surrogatepass")) > LONGEST_TEXT:
            raise TooMuch("the text is too long")
        return text

    def render_by_library(self, fields: Fields) -> str:
        """The same without the short way for plain texts."""
        output = LimitedStringIO(limit=LONGEST_TEXT)
        _LEFT.set([MOST_WORK])
        context = liquid.RenderContext(self._template, globals=fields)
        try:
            for node in self._template.nodes:
                node.render(context, output)
        except ResourceLimitError as error:
            raise TooMuch(str(error.message)) from error
        except (LiquidError, liquid.exceptions.LiquidInterrupt, ArithmeticError, ValueError, TypeError, OSError):
            raise TooMuch("a value in it cannot be worked with") from None
        return output.getvalue()


@lru_cache(256)
def read(source: str) -> Macros:
    """Read a text. Raises TextError."""
    if len(source) > LONGEST_SOURCE:
        raise TextError(sentence("the text is too long: at most %(most)s characters", most=LONGEST_SOURCE))
    _refuse_endless_tags(source)
    try:
        template = _ENVIRONMENT.from_string(source)
        _refuse_unknown_filters(source, template)
        return Macros(source, template)
    except LiquidError as error:
        raise _unreadable(error) from error
    except RecursionError:
        raise TextError(sentence("the text is nested too deeply")) from None


def _refuse_endless_tags(source: str) -> None:
    """The library looks from each brace and each blank to the end of a tag: many of them take by the square."""
    place = 0
    while (found := _OPENS.search(source, place)) is not None:
        begin = found.end()
        closed = source.find(_CLOSES[found[0][:2]], begin)
        end = len(source) if closed == -1 else closed
        if len(found[0]) > _MOST_BRACES or (closed == -1 and end - begin > _UNCLOSED):
            _refuse_tag(source, found.start(), f"{found[0][:2]} is not closed")
        if _BLANKS.search(source, begin, end) is not None:
            _refuse_tag(source, found.start(), f"there are more than {_MOST_BLANKS} blanks in a row")
        place = begin if closed == -1 else closed


def _refuse_tag(source: str, place: int, why: str) -> NoReturn:
    line, column = source.count("\n", 0, place) + 1, place - source.rfind("\n", 0, place)
    said = sentence(
        "the text cannot be read at line %(line)s, column %(column)s: %(why)s", line=line, column=column, why=why
    )
    raise TextError(said, line, column)


def _refuse_unknown_filters(source: str, template: liquid.BoundTemplate) -> None:
    """The library says so only when it renders."""
    for name, spans in template.analyze().filters.items():
        if name not in _FILTERS:
            line, column = spans[0].line_col(source)
            said = sentence(
                "the text cannot be read at line %(line)s, column %(column)s: there is no filter called %(name)s",
                line=line,
                column=column + 1,
                name=name,
            )
            raise TextError(said, line, column + 1)


def _unreadable(error: LiquidError) -> TextError:
    """Say where a text cannot be read."""
    place = error.context()
    if place is None:
        return TextError(sentence("the text cannot be read: %(why)s", why=str(error.message)))
    line, column = place[0], place[1] + 1
    said = sentence(
        "the text cannot be read at line %(line)s, column %(column)s: %(why)s",
        line=line,
        column=column,
        why=str(error.message),
    )
    return TextError(said, line, column)


# --- the language --------------------------------------------------------------------------------------------------


class _Environment(liquid.Environment):
    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = MOST_STEPS
    local_namespace_limit = LONGEST_TEXT
    output_stream_limit = LONGEST_TEXT


def _environment() -> liquid.Environment:
    environment = _Environment(strict_filters=True)
    for name in [name for name in environment.tags if name.isidentifier() and name not in _TAGS | _PSEUDO]:
        del environment.tags[name]
    for name in [name for name in environment.filters if name not in _FILTERS]:
        del environment.filters[name]
    environment.filters["replace"] = _bounded(environment.filters["replace"])
    for name, does in environment.filters.items():
        environment.filters[name] = _counted(does)
    return environment


_PSEUDO: Final = frozenset({"content", "output", "illegal", "statement", "literal"})
"""What the library registers beside tags under names of its own."""


def _bounded(replace: Callable[..., Any]) -> Callable[..., Any]:
    """Replacing multiplies lengths, and several in a row multiply them again."""

    def bounded(left: object, old: object = "", new: object = "") -> Any:
        text, needle, instead = map(_written, (left, old, new))
        if text.count(needle) * len(instead) > LONGEST_TEXT:
            raise FilterValueError("the text grows too long", token=None)
        return replace(text, needle, instead)

    return bounded


_LEFT: ContextVar[list[int]] = ContextVar("work that filters may still do")


def _counted(does: Callable[..., Any]) -> Callable[..., Any]:
    """A filter as part of the work that one text may be: many small ones add up, and so do a few on long values."""

    @wraps(does)
    def counted(*values: object, **named: object) -> Any:
        found = does(*values, **named)
        left = _LEFT.get()
        left[0] -= _EACH + (len(found) if isinstance(found, str | list) else 0)
        too_long = isinstance(found, str) and len(found) > LONGEST_TEXT
        if left[0] < 0 or too_long or (isinstance(found, int) and found.bit_length() > _LONGEST_NUMBER):
            raise ResourceLimitError("the text is too much work", token=None)
        return found

    return counted


_range_of = RangeLiteral._make_range  # noqa: SLF001 - the library has no setting for how long a range may be


def _short_range(literal: RangeLiteral, start: Any, stop: Any) -> range:
    """A range that is short: reversed, sliced or begun far behind, the library counts it out before it is limited."""
    found = _range_of(literal, start, stop)
    if found.stop - found.start > MOST_STEPS:
        raise ResourceLimitError("the range is too long", token=None)
    return found


RangeLiteral._make_range = _short_range  # type: ignore[assignment,method-assign]  # noqa: SLF001 - as above


# --- what a text reads ---------------------------------------------------------------------------------------------


def _names(template: liquid.BoundTemplate) -> tuple[str, ...]:
    found = template.analyze().globals
    return tuple(sorted({_name(each.segments) for variables in found.values() for each in variables}))


def _name(segments: Sequence[object]) -> str:
    """A path as far as it is written out."""
    words: list[str] = []
    for segment in segments:
        if not isinstance(segment, str) or (words and segment in _SPECIAL):
            break
        words.append(segment)
    return ".".join(words)


def _shown(nodes: Iterable[Node]) -> Iterator[Macro]:
    """The macros of output statements, wherever they stand."""
    for node in nodes:
        if isinstance(node, OutputNode):
            expression = node.expression
            if isinstance(expression, FilteredExpression) and isinstance(expression.left, Path):
                path = tuple(part for part in expression.left.path if isinstance(part, str))
                if len(path) == len(expression.left.path):
                    yield Macro(path, any(each.name == "default" for each in expression.filters or ()))
        elif isinstance(node, BlockNode):
            yield from _shown(node.nodes)
        # Below a condition it is the author who decides whether anything is shown.


# --- plain texts ---------------------------------------------------------------------------------------------------


def _plain(nodes: Iterable[Node]) -> tuple[str | _Piece, ...] | None:
    """A text of literals and simple macros as pieces; None for any other."""
    pieces: list[str | _Piece] = []
    for node in nodes:
        if isinstance(node, ContentNode):
            pieces.append(node.text)
        elif isinstance(node, OutputNode) and (piece := _piece(node)) is not None:
            pieces.append(piece)
        else:
            return None
    return tuple(pieces)


def _piece(node: OutputNode) -> _Piece | None:
    expression = node.expression
    if not isinstance(expression, FilteredExpression) or not isinstance(expression.left, Path):
        return None
    path = tuple(part for part in expression.left.path if isinstance(part, str))
    if len(path) < len(expression.left.path) or path[0] in _ITS_OWN or _SPECIAL.intersection(path[1:]):
        return None
    way = tuple(map(sys.intern, path))
    if not expression.filters:
        return _reader(way, None)
    otherwise = _default(expression)
    return None if otherwise is None else _reader(way, otherwise)


def _default(expression: FilteredExpression) -> str | None:
    """What stands there for an empty field; None where something else is done with the field."""
    filters = expression.filters or []
    argument = filters[0].args[0] if len(filters) == 1 and len(filters[0].args) == 1 else None
    value = getattr(argument, "value", None)
    if filters[0].name != "default" or not isinstance(value, StringLiteral) or hasattr(argument, "name"):
        return None
    return str(value.value)


def _reader(path: tuple[str, ...], otherwise: str | None) -> _Piece:
    name = path[0]

    def of_contact(fields: Fields) -> str:
        value = fields.get(name)
        if type(value) is str:
            return value or otherwise or ""
        return _written(value, otherwise)

    def linked(fields: Fields) -> str:
        return _written(_look_up(fields, path), otherwise)

    return of_contact if len(path) == 1 else linked


def _look_up(fields: Fields, path: Sequence[str]) -> Any:
    found: Any = fields
    for part in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _written(value: Any, otherwise: str | None = None) -> str:
    """A value as Liquid writes it; what is nothing, false or empty is `otherwise` where there is one."""
    if otherwise is not None and (
        value is None or value is False or (isinstance(value, list | dict | str) and not value)
    ):
        return otherwise
    return to_liquid_string(value, False)  # noqa: FBT003 - the library's


_ENVIRONMENT: Final = _environment()
