"""A workbook is read by a process that ends with what it took."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from campaigns.imports.workbook import rows
from gateway.registry.errors import BadValue
from tests.unit.test_sheets import workbook


@pytest.mark.proves("contact imports")
async def test_a_workbook_made_to_take_all_memory_is_refused_when_it_does(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    path.write_bytes(workbook([["Navn", "Mobil"], ["Åse", "30643061"]]))
    texts = b"<si><t/></si>" * 80_000
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/sharedStrings.xml", "w") as part,
    ):
        part.write(b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">')
        for _ in range(60):  # no more, for whoever reads them lets all others on a busy machine go first
            part.write(texts)
        part.write(b"</sst>")
    assert path.stat().st_size < 750_000
    with path.open("rb") as file, pytest.raises(BadValue, match="too big: save the sheet as CSV"):
        _ = [row async for row in rows(file, memory=150_000_000)]
    with path.open("rb") as file:
        assert [cells async for _, cells in rows(file)][1] == ["Åse", "30643061"], "with more it is read"
