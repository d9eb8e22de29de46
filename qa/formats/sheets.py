"""Workbooks: .xlsx → each sheet's tables, by openpyxl."""

import datetime
import io
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qa.errors import CorpusError
from qa.formats.converted import Converted, too_long
from qa.formats.office import core_title, opened
from qa.formats.writing import heading, join, one_line, paragraph, rows

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell

CURRENCY = re.compile(r"\[\$([^-\]]+)|([$€£¥₽])")


def convert_xlsx(data: bytes) -> Converted:
    """A workbook: each sheet that is shown under a heading, its rows with the names of their columns."""
    archive = opened(data, "[Content_Types].xml", "workbook")
    import openpyxl

    blocks: list[str] = []
    size = 0
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            if sheet.sheet_state != "visible":
                continue
            sheet.reset_dimensions()  # those that a file states can be wrong
            found = []
            for block in _sheet(sheet.iter_rows()):
                found.append(block)
                too_long(size := size + len(block))
            if found:
                blocks += [heading(sheet.title, 1), *found]
    except (CorpusError, MemoryError):
        raise
    except Exception as error:  # whatever a reader stumbles over in a damaged file
        raise CorpusError(f"damaged: {one_line(str(error))[:200] or type(error).__name__}") from None
    return Converted(join(blocks), core_title(archive))


def _sheet(lines: "Iterator[Sequence[Cell]]") -> Iterator[str]:
    """A sheet's tables, which empty rows part; a row with a single cell, as one above a table, is a paragraph."""
    table: list[list[str]] = []
    for line in lines:
        row = [_shown(cell) for cell in line]
        filled = sum(map(bool, row))
        if filled > 1 or (filled and len(table) > 1):
            table.append(row)
            continue
        yield from _rows(table)
        table = []
        if filled:
            yield paragraph(next(filter(None, row)))
    yield from _rows(table)


def _rows(table: list[list[str]]) -> list[str]:
    used = [
        number
        for number in range(max(map(len, table), default=0))
        if any(row[number : number + 1] != [""] for row in table)
    ]
    return rows([[row[number] if number < len(row) else "" for number in used] for row in table])


def _shown(cell: "Cell") -> str:
    """A cell's value about as the program shows it."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, cell.number_format or "")
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "minutes")
    return value.isoformat("minutes") if isinstance(value, datetime.time) else one_line(str(value))


def _number(value: float, pattern: str) -> str:
    if not math.isfinite(value):
        return ""
    pattern = pattern.partition(";")[0]
    if "%" in pattern:
        return f"{value * 100:.10g} %"
    text = str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.12g}"
    currency = CURRENCY.search(pattern)
    sign = (currency[1] or currency[2]) if currency else ""
    if not sign:
        return text
    return f"{sign}{text}" if pattern.index(sign) < len(pattern) / 2 else f"{text} {sign}"
