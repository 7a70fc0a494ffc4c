"""On which line of a TOML file each key stands.

In: the text of a valid TOML document. Out: a line number for every table header and key. The standard parser keeps no
positions, and a mistake without its line is half an explanation. Keys inside an inline table or a list share the line
of the key that holds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""("smtp", "port"), or ("pool", 0, "range") within the first `[[pool]]`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""+|' + r"'''.*?'''+|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"""[^"'#\[\]{}\n]+""")


@dataclass
class _Scanner:
    """Walks over the statements of one document; `found` grows on the way."""

    text: str
    at: int = 0
    table: KeyPath = ()
    tables_in_list: dict[KeyPath, int] = field(default_factory=dict)
    found: dict[KeyPath, int] = field(default_factory=dict)

    def run(self) -> dict[KeyPath, int]:
        while True:
            self.at = _end(_BLANK, self.text, self.at)
            if self.at >= len(self.text):
                return self.found
            line = self.text.count("\n", 0, self.at) + 1
            if self.text[self.at] == "[":
                self._header(line)
            else:
                self._assignment(line)

    def _header(self, line: int) -> None:
        """`[table]` or `[[table in a list]]`."""
        in_list = self.text.startswith("[[", self.at)
        self.at += 2 if in_list else 1
        keys = self._keys()
        self.at += 2 if in_list else 1
        path = self._resolve(keys[:-1]) + keys[-1:]
        if in_list:
            index = self.tables_in_list.get(path, -1) + 1
            self.tables_in_list[path] = index
            self.found.setdefault(path, line)
            path = (*path, index)
        else:
            path = self._resolve(keys)
        self.table = path
        self.found.setdefault(path, line)

    def _resolve(self, keys: KeyPath) -> KeyPath:
        """A name that stands for a list of tables means its last table (TOML 1.0, "Array of Tables")."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self.tables_in_list:
                path = (*path, self.tables_in_list[path])
        return path

    def _assignment(self, line: int) -> None:
        keys = self._keys()
        self.at += 1  # the equals sign
        for depth in range(1, len(keys) + 1):
            self.found.setdefault(self.table + keys[:depth], line)
        self._skip_value()

    def _keys(self) -> KeyPath:
        """A dotted key; leaves the position at what follows it."""
        keys: list[str] = []
        while match := _KEY_PART.match(self.text, self.at):
            keys.append(next(part for part in match.groups() if part is not None))
            self.at = match.end()
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
        return tuple(keys)

    def _skip_value(self) -> None:
        """Go to the end of the statement: the first line end outside strings and brackets."""
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in "\"'":
                self.at = _end(_STRING, self.text, self.at)
            elif char == "#":
                self.at = _end(_BLANK, self.text, self.at) if depth else self._line_end()
            elif char == "\n" and not depth:
                return
            else:
                depth += (char in "[{") - (char in "]}")
                self.at = self.at + 1 if char in "[]{}\n" else _end(_PLAIN, self.text, self.at)

    def _line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where `pattern` ends when matched at `at`; always forwards, so that no text can hold the scanner."""
    match = pattern.match(text, at)
    return match.end() if match and (match.end() > at or pattern is _BLANK) else at + 1


def key_lines(text: str) -> dict[KeyPath, int]:
    """Map each key and table of a valid TOML document to its 1-based line."""
    return _Scanner(text).run()
