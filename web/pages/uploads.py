"""A form with one large file, read as it comes: never whole in memory, and not kept before the form is known as ours.

The fields of the form stand before its file, as in our pages; what stands behind the file is not looked at.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from gateway.registry.errors import BadValue
from gateway.translation import sentence
from web.connections import LARGE
from web.pages.asked import ForeignForm, csrf_token

_LONGEST_FIELD = 10_000
_AROUND = 1_000_000
"""Bytes of a form beside its file."""


@dataclass(slots=True)
class Upload:
    """A form whose fields are here, and whose file still comes."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str = ""
    """Of the file; "" where none was chosen."""
    content: AsyncIterator[bytes] | None = None

    def file(self) -> AsyncIterator[bytes]:
        """What is in the file. Raises BadValue where none was chosen."""
        if not self.name or self.content is None:
            raise BadValue(sentence("choose a file first"))
        return self.content


class _Reader:
    """What the parser tells of parts."""

    def __init__(self, boundary: bytes) -> None:
        self.upload = Upload()
        self.blocks: deque[bytes] = deque()
        self.in_file = self.file_ended = False
        self._header = self._value = self._disposition = self._data = b""
        self._name = ""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_field,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._end,
            },
        )

    def write(self, piece: bytes) -> None:
        """Read on. Raises BadValue."""
        try:
            self._parser.write(piece)
        except (MultipartParseError, ValueError) as error:
            raise _unreadable() from error

    def _begin(self) -> None:
        self._header = self._value = self._disposition = self._data = b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" in options and not self.file_ended:
            self.upload.name = options[b"filename"].decode("utf-8", "replace").replace("\0", "")
            self.in_file = True

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self.in_file:
            self.blocks.append(data[start:end])
        elif not self.file_ended:
            self._data += data[start:end]
            if len(self._data) > _LONGEST_FIELD:
                raise _unreadable()

    def _end(self) -> None:
        if self.in_file:
            self.in_file, self.file_ended = False, True
        elif not self.file_ended:
            self.upload.fields[self._name] = self._data.decode("utf-8", "replace").replace("\0", "")


async def upload(request: Request, most: int) -> Upload:
    """The form of a request from whoever was let in, with a file of `most` bytes. Raises ForeignForm, BadValue."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise ForeignForm
    let_in = request.scope.get(LARGE)
    if let_in is not None:
        let_in(most + _AROUND)
    reader = _Reader(options[b"boundary"])
    stream = request.stream()
    while not reader.upload.name and not reader.in_file and not reader.file_ended:
        piece = await anext(stream, b"")
        if not piece:
            break
        reader.write(piece)
    given = request.headers.get("x-csrf-token") or reader.upload.fields.get("csrf", "")
    if not hmac.compare_digest(given.encode(), csrf_token(request).encode()):
        raise ForeignForm
    reader.upload.content = _content(reader, stream)
    return reader.upload


async def _content(reader: _Reader, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        while reader.blocks:
            yield reader.blocks.popleft()
        if reader.file_ended:
            break
        piece = await anext(stream, b"")
        if not piece:
            raise _unreadable()
        reader.write(piece)
    async for _rest in stream:
        pass  # a browser reads the answer when it has sent everything


def _unreadable() -> BadValue:
    return BadValue(sentence("this form cannot be read: choose the file again"))
