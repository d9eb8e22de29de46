import http.server
import io
import json
import random
import re
import struct
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.blocks import blocks, structure
from qa.errors import CorpusError
from qa.formats import archive, converted
from qa.formats.archive import parse_xml
from qa.formats.convert import KINDS, Converted, convert
from qa.formats.isolation import Converter
from qa.formats.text import decode
from qa.formats.writing import paragraph, rows

PACKAGE = convert.__module__.rpartition(".")[0]
EXPECTED_ROWS = ("- Year: 1912; Tons: 40; Port: Hull", "- Year: 1913; Tons: 52; Port: Leith")
TABLE = [["Year", "Tons", "Port"], ["1912", "40", "Hull"], ["1913", "52", "Leith"]]
WORDS = ("Two", "Three", "Four")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\6\0\0\0"

HTML = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>The coal trade</title>
<style>p {color: red}</style><script>var secret = "scripted";</script></head><body>
<header><a href="/">Home of the site</a></header>
<nav><ul><li><a href="a">Next</a></li><li><a href="b">Previous</a></li></ul></nav>
<div class="breadcrumb">You are here</div>
<main><h1>The coal trade<a class="headerlink" href="#x">¶</a></h1>
<p>Coal was <b>shipped</b> from
the north.<sup class="reference">[1]</sup></p>
<h2>Ports</h2>
<ul><li>Hull<ul><li>the <a href="x">old dock</a></li></ul></li><li>Leith</li></ul>
<ol><li>Load.</li><li>Sail.</li></ol>
<table><thead><tr><th>Year</th><th>Tons</th><th>Port</th></tr></thead>
<tbody><tr><td>1912</td><td>40</td><td>Hull</td></tr><tr><td>1913</td><td>52</td><td>Leith</td></tr></tbody></table>
<pre><code># a comment
if x &lt; 1:
    sail()</code></pre>
<dl><dt>Bunker</dt><dd>A place for coal.</dd></dl>
<p hidden>unseen</p><p>The end.</p></main>
<aside>Buy now</aside><footer>All rights reserved</footer></body></html>"""

RST = """The coal trade
==============

Coal was *shipped* from the north, see :ref:`the ports <ports>`.

.. versionadded:: 1.2
   Also by rail.

Ports
-----

* Hull

  * the old dock
* Leith

1. Load.
2. Sail.

====  ====  =====
Year  Tons  Port
====  ====  =====
1912  40    Hull
1913  52    Leith
====  ====  =====

.. code-block:: python

   # a comment
   sail()

.. include:: /etc/passwd

.. raw:: html

   <p>raw part</p>

.. csv-table::
   :file: /etc/passwd
"""

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Coal was shipped</i>

2
00:00:02,600 --> 00:00:04,000
from the north.

3
00:00:09,000 --> 00:00:10,000
1912 was a good year.
"""

VTT = """WEBVTT - The coal trade

NOTE not said

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v Ann>Coal was shipped

00:02.600 --> 00:04.000
<v Ann>from the &amp; north.

00:04.100 --> 00:05.000
<v Ben>When?
"""

JSONL = "\n".join(
    (
        json.dumps(
            {
                "title": "The coal trade",
                "text": "Coal was shipped from the north.",
                "year": 1912,
                "ports": ["Hull", "Leith"],
            }
        ),
        "not JSON",
        json.dumps({"text": "Only a text."}),
    )
)
MD = "---\ntitle: 'The coal trade'\n---\n\n# Coal\n\nCoal was shipped.\n\n- Hull\n\n"
MD += "| Year | Tons |\n|---|---|\n| 1912 | 40 |\n"


def zipped(parts: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return buffer.getvalue()


def relations(*links: tuple[str, str, str]) -> str:
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    inner = "".join(
        f'<Relationship Id="{key}" Type="{kinds}/{kind}" Target="{target}"/>' for key, kind, target in links
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inner}</Relationships>'
    )


CORE = '<cp:coreProperties xmlns:cp="c" xmlns:dc="d"><dc:title>The coal trade</dc:title></cp:coreProperties>'
TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def docx_parts(extra: str = "") -> dict[str, str | bytes]:
    def p(text: str, style: str = "", number: str = "", depth: int = 0) -> str:
        listed = f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>' if number else ""
        properties = f'<w:pPr><w:pStyle w:val="{style}"/>{listed}</w:pPr>'
        return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'

    cells = "".join("<w:tr>" + "".join(f"<w:tc>{p(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in TABLE)
    body = (
        p("Contents 1", "TOC1") + p("The coal trade", "Titel") + p("Ports", "berschrift2") + p("Coal was shipped")
        + "<w:p><w:r><w:t>It came </w:t></w:r><w:del><w:r><w:delText>never </w:delText></w:r></w:del>"
        + "<w:ins><w:r><w:t>by sea</w:t></w:r></w:ins><w:r><w:t>.</w:t><w:footnoteReference w:id='2'/></w:r></w:p>"
        + p("Hull", "", "1") + p("the old dock", "", "1", 1) + p("Leith", "", "1")
        + p("Load.", "", "2") + p("Sail.", "", "2")
        + f"<w:tbl>{cells}</w:tbl>" + p("1. January was cold.") + p("# a comment", "Code") + p("sail()", "Code")
        + "<w:p><w:r><w:txbxContent>" + p("In a box.") + "</w:txbxContent></w:r></w:p>" + extra
    )  # fmt: skip
    name = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    styles = "".join(
        f'<w:style w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in {"Titel": "Title", "berschrift2": "heading 2", "TOC1": "toc 1", "Code": "Source Code"}.items()
    )
    note = p("As noted below.")
    levels = {"1": "bullet", "2": "decimal"}
    numbering = "".join(
        f'<w:abstractNum w:abstractNumId="{key}"><w:lvl w:ilvl="0"><w:numFmt w:val="{kind}"/></w:lvl></w:abstractNum>'
        f'<w:num w:numId="{key}"><w:abstractNumId w:val="{key}"/></w:num>'
        for key, kind in levels.items()
    )
    return {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": relations(("r1", "officeDocument", "word/document.xml")),
        "word/document.xml": f"<w:document {name}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {name}>{styles}</w:styles>",
        "word/numbering.xml": f"<w:numbering {name}>{numbering}</w:numbering>",
        "word/footnotes.xml": f"<w:footnotes {name}><w:footnote w:id='2'>{note}</w:footnote></w:footnotes>",
        "word/_rels/document.xml.rels": relations(
            ("s", "styles", "styles.xml"), ("n", "numbering", "numbering.xml"), ("f", "footnotes", "footnotes.xml")
        ),
        "docProps/core.xml": CORE,
    }


def pptx_parts() -> dict[str, str | bytes]:
    def shape(kind: str, *texts: str) -> str:
        body = "".join(
            f'<a:p><a:pPr lvl="{text.count(">")}"/><a:r><a:t>{text.lstrip(">")}</a:t></a:r></a:p>' for text in texts
        )
        return f'<p:sp><p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:txBody>{body}</p:txBody></p:sp>'

    def slide(*shapes: str) -> str:
        return f'<p:sld xmlns:p="p" xmlns:a="a"><p:cSld><p:spTree>{"".join(shapes)}</p:spTree></p:cSld></p:sld>'

    cells = "".join(
        "<a:tr>"
        + "".join(f"<a:tc><a:txBody><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>" for cell in row)
        + "</a:tr>"
        for row in TABLE
    )
    table = f'<a:graphicData uri="u/table"><a:tbl><a:tblPr firstRow="1"/>{cells}</a:tbl></a:graphicData>'
    table = f"<p:graphicFrame><a:graphic>{table}</a:graphic></p:graphicFrame>"
    order = '<p:sldIdLst><p:sldId id="9" r:id="b"/><p:sldId id="8" r:id="a"/></p:sldIdLst>'
    return {
        "[Content_Types].xml": TYPES,
        "ppt/presentation.xml": f'<p:presentation xmlns:p="p" xmlns:r="r">{order}</p:presentation>',
        "ppt/_rels/presentation.xml.rels": relations(
            ("a", "slide", "slides/slide1.xml"), ("b", "slide", "slides/slide2.xml")
        ),
        "ppt/slides/slide2.xml": slide(
            shape("ctrTitle", "The coal trade"), shape("subTitle", "Coal was shipped"), shape("sldNum", "77")
        ),
        "ppt/slides/slide1.xml": slide(shape("title", "Ports"), shape("body", "Hull", ">the old dock", "Leith"), table),
        "ppt/slides/_rels/slide1.xml.rels": relations(("n", "notesSlide", "../notesSlides/n1.xml")),
        "ppt/notesSlides/n1.xml": slide(shape("body", "Said aloud."), shape("sldNum", "78")),
        "docProps/core.xml": CORE,
    }


def xlsx() -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Ports"
    sheet.append(["Coal was shipped"])
    sheet.append([])
    for row in TABLE:
        sheet.append([int(cell) if cell.isdecimal() else cell for cell in row])
    sheet.append([])
    sheet.append(["Share", "Paid"])
    sheet.append([0.125, 3.5])
    sheet["A8"].number_format, sheet["B8"].number_format = "0.0%", '"$"0.00'
    hidden = book.create_sheet("Secret")
    hidden.append(["unseen"])
    hidden.sheet_state = "hidden"
    book.properties.title = "The coal trade"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def epub_parts() -> dict[str, str | bytes]:
    return {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": "<container><rootfile full-path='OEBPS/book.opf'/></container>",
        "OEBPS/book.opf": '<package xmlns="o" xmlns:dc="d">'
        "<metadata><dc:title>The coal trade</dc:title></metadata><manifest>"
        '<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="a" href="text/one%20a.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="b" href="two.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="n"/><itemref idref="b"/><itemref idref="a"/></spine></package>',
        "OEBPS/nav.xhtml": "<html><body><p>Contents</p></body></html>",
        "OEBPS/text/one a.xhtml": "<?xml version='1.0' encoding='utf-8'?><html><head><title/></head><body>"
        + HTML.partition("<main>")[2].partition("</main>")[0].replace("<h1>", "<h1><a id='x'/>")
        + "</body></html>",
        "OEBPS/two.xhtml": "<html><body><h1>Before all</h1><p>First words.</p></body></html>",
    }


def pdf(*pages: list[tuple[float, float, float, str]], info: str = "", trailer: str = "", outline: str = "") -> bytes:
    """A PDF with these texts at (x, y, size) on its pages; bold where the size is negative."""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {outline and '/Outlines 5 0 R'} >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{10 + 2 * n} 0 R' for n in range(len(pages)))}] >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        outline or "null",
        f"<< {info} >>",
        "null", "null", "null",
    ]  # fmt: skip
    for number, texts in enumerate(pages):
        drawn = "".join(
            f"BT /F{1 + (size < 0)} {abs(size)} Tf {x} {y} Td ({text}) Tj ET\n" for x, y, size, text in texts
        )
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> "
            f"/Contents {11 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}endstream")
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R /Info 6 0 R {trailer} >>\n"
    end += f"startxref\n{len(data)}\n%%EOF\n"
    return data + end.encode()


def pdf_pages() -> list[list[tuple[float, float, float, str]]]:
    first = [
        (72, 800, 9, "Annals of coal, volume 7"), (72, 760, 22, "The coal trade"),
        (72, 720, 11, "Coal was shipped from the north of the"),
        (72, 706, 11, "country in small ships, year by year."), (72, 670, 16, "Ports"),
        (72, 640, 11, "• Hull has the old dock"), (72, 626, 11, "• Leith has none"),
        *((72 + 120 * c, 590 - 16 * r, 11, cell) for r, row in enumerate(TABLE) for c, cell in enumerate(row)),
        (290, 30, 9, "1"),
    ]  # fmt: skip
    others = [
        [(72, 800, 9, "Annals of coal, volume 7"), (72, 760, 11, f"{word} ships sailed."), (290, 30, 9, str(number))]
        for number, word in enumerate(WORDS, 2)
    ]  # fmt: skip
    return [first, *others]


GOOD: dict[str, Callable[[], bytes]] = {
    ".txt": lambda: b"The coal trade\n\nCoal was shipped.\n",
    ".md": MD.encode,
    ".html": HTML.encode,
    ".htm": HTML.encode,
    ".xhtml": ("<?xml version='1.0' encoding='utf-8'?>" + HTML).encode,
    ".pdf": lambda: pdf(*pdf_pages(), info="/Title (The coal trade)"),
    ".docx": lambda: zipped(docx_parts()),
    ".pptx": lambda: zipped(pptx_parts()),
    ".xlsx": xlsx,
    ".csv": lambda: "\n".join(",".join(row) for row in TABLE).encode(),
    ".tsv": lambda: "\n".join("\t".join(row) for row in TABLE).encode(),
    ".jsonl": JSONL.encode,
    ".epub": lambda: zipped(epub_parts()),
    ".rst": RST.encode,
    ".srt": SRT.encode,
    ".vtt": VTT.encode,
}


def converted_from(suffix: str, data: bytes) -> Converted:
    return convert(data, suffix)


def reason(suffix: str, data: bytes) -> str:
    with pytest.raises(CorpusError) as caught:
        converted_from(suffix, data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def headings(text: str) -> list[str]:
    return [text[block.start : block.end] for block in structure(text) if 0 < block.level < 7]


# What every kind keeps


def test_every_kind_has_a_good_file() -> None:
    assert GOOD.keys() == KINDS.keys()


@pytest.mark.parametrize(
    "suffix", [".html", ".htm", ".xhtml", ".docx", ".pptx", ".xlsx", ".epub", ".vtt", ".pdf", ".md", ".rst"]
)
def test_title(suffix: str) -> None:
    assert converted_from(suffix, GOOD[suffix]()).title == "The coal trade"


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".tsv", ".jsonl", ".srt"])
def test_no_title(suffix: str) -> None:
    assert converted_from(suffix, GOOD[suffix]()).title is None


@pytest.mark.parametrize(
    "suffix", [".html", ".xhtml", ".docx", ".pptx", ".xlsx", ".csv", ".tsv", ".epub", ".rst", ".pdf"]
)
def test_rows_read_as_sentences(suffix: str) -> None:
    lines = converted_from(suffix, GOOD[suffix]()).text.splitlines()
    assert [line for line in lines if line.startswith("- Year")] == list(EXPECTED_ROWS)


@pytest.mark.parametrize("suffix", [".html", ".docx", ".pptx", ".epub", ".rst", ".pdf"])
def test_headings(suffix: str) -> None:
    found = headings(converted_from(suffix, GOOD[suffix]()).text)
    assert found[-2:] == ["The coal trade", "Ports"]


@pytest.mark.parametrize("suffix", [".html", ".docx", ".pptx", ".epub", ".rst"])
def test_lists(suffix: str) -> None:
    text = converted_from(suffix, GOOD[suffix]()).text
    assert "- Hull\n" in text
    assert "\n  - the old dock\n" in text
    assert "\n- Leith" in text
    if suffix != ".pptx":
        assert "1. Load.\n2. Sail." in text


@pytest.mark.parametrize("suffix", [".html", ".docx", ".epub", ".rst"])
def test_listings(suffix: str) -> None:
    text = converted_from(suffix, GOOD[suffix]()).text
    assert "```\n# a comment\n" in text
    assert "sail()\n```" in text


@pytest.mark.parametrize("suffix", GOOD)
def test_text_is_kept_and_read_again(suffix: str) -> None:
    text = converted_from(suffix, GOOD[suffix]()).text
    words = {".csv": "Hull", ".tsv": "Hull"}.get(suffix, "Coal was shipped")
    assert words in " ".join(text[block.start : block.end] for block in blocks(text))
    assert "\r" not in text


def test_html_without_what_surrounds_it() -> None:
    found = converted_from(".html", HTML.encode())
    for words in ("scripted", "color", "Home of", "Next", "here", "¶", "[1]", "unseen", "Buy", "rights"):
        assert words not in found.text
    assert "Coal was shipped from the north.\n" in found.text
    assert "- Bunker: A place for coal." in found.text
    assert found.text.endswith("The end.")


def test_html_tables() -> None:
    html = """<table><tr><th rowspan=2>Port<th colspan=2>Tons</tr><tr><th>1912<th>1913</tr>
    <tr><td rowspan=2>Hull<td>1<td>2</tr><tr><td>3<td>4</tr></table>
    <table><tr><th>Born<td>1850</tr><tr><th>Died:<td>1912</tr></table>
    <table><tr><td><p>layout</p></td></tr></table><table><tr><td>a<td>b</tr><tr><td>c<td>d</tr></table>"""
    text = converted_from(".html", html.encode()).text
    assert "- Port: Hull; Tons 1912: 1; Tons 1913: 2\n- Port: Hull; Tons 1912: 3; Tons 1913: 4" in text
    assert "- Born: 1850\n- Died: 1912" in text
    assert "\n\nlayout\n\n" in text
    assert text.endswith("- a; b\n- c; d")


def test_html_sidebar_that_is_a_text_is_kept() -> None:
    prose = "<p>Long ago, coal was dug by hand.</p>" * 20
    more = "<p>Other text, and more.</p>" * 60
    html = f"<body><h1>T</h1><div class=sidebar>{prose}</div><div class=footer>(c)</div>{more}"
    text = converted_from(".html", html.encode()).text
    assert "dug by hand" in text
    assert "(c)" not in text


def test_html_heading_above_the_main_part() -> None:
    html = "<body><div><h1>Coal</h1></div><main><p>It was shipped.</p></main>"
    assert converted_from(".html", html.encode()) == Converted("# Coal\n\nIt was shipped.", "Coal")


def test_docx_details() -> None:
    text = converted_from(".docx", zipped(docx_parts())).text
    assert "It came by sea." in text
    assert "Contents 1" not in text
    assert "In a box." in text
    assert "As noted below." in text
    found = [text[block.start : block.end] for block in structure(text)]
    assert "1. January was cold." in found


def test_pptx_details() -> None:
    text = converted_from(".pptx", zipped(pptx_parts())).text
    assert text.startswith("# The coal trade\n\nCoal was shipped\n\n## Ports")
    assert text.endswith("Said aloud.")
    assert "77" not in text


def test_xlsx_details() -> None:
    text = converted_from(".xlsx", xlsx()).text
    assert text.startswith("# Ports\n\nCoal was shipped\n\n- Year")
    assert text.endswith("- Share: 12.5 %; Paid: $3.5")
    assert "unseen" not in text


def test_xlsx_that_says_it_is_large_is_fast() -> None:
    book = dict.fromkeys(zipfile.ZipFile(io.BytesIO(xlsx())).namelist())
    parts: dict[str, str | bytes] = {name: zipfile.ZipFile(io.BytesIO(xlsx())).read(name) for name in book}
    sheet = str(parts["xl/worksheets/sheet1.xml"], "utf-8")
    parts["xl/worksheets/sheet1.xml"] = sheet.replace('ref="A1:C8"', 'ref="A1:XFD1048576"')
    assert parts["xl/worksheets/sheet1.xml"] != sheet
    began = time.monotonic()
    assert "Hull" in converted_from(".xlsx", zipped(parts)).text
    assert time.monotonic() - began < 5


def test_epub_in_reading_order() -> None:
    text = converted_from(".epub", zipped(epub_parts())).text
    assert text.startswith("# Before all\n\nFirst words.\n\n# The coal trade")
    assert "Contents" not in text


def test_rst_reads_nothing_else() -> None:
    text = converted_from(".rst", RST.encode()).text
    assert "see the ports." in text
    assert "New in version 1.2\n\nAlso by rail." in text
    assert "root:" not in text
    assert "raw part" not in text


def test_subtitles() -> None:
    srt = converted_from(".srt", SRT.replace("\n", "\r\n").encode()).text
    assert srt == "Coal was shipped from the north.\n\n1912 was a good year."
    vtt = converted_from(".vtt", VTT.encode()).text
    assert vtt == "Ann: Coal was shipped from the & north.\n\nBen: When?"


def test_jsonl() -> None:
    text = converted_from(".jsonl", JSONL.encode()).text
    assert text == (
        "## The coal trade\n\n- year: 1912; ports: Hull, Leith\n\nCoal was shipped from the north.\n\nOnly a text."
    )


def test_half_a_character_is_replaced() -> None:
    assert converted_from(".jsonl", b'{"title": "\\ud800", "text": "a\\udfffb"}').text == "## \ufffd\n\na\ufffdb"


def test_csv_delimiters_and_quotes() -> None:
    data = 'Name;Price;Note\nTea;1,5;a\nCoffee;2,5;"b; c\nd"\n'
    assert converted_from(".csv", data.encode()).text == (
        "- Name: Tea; Price: 1,5; Note: a\n- Name: Coffee; Price: 2,5; Note: b; c d"
    )
    assert converted_from(".csv", b"1,2\n3,4\n").text == "- 1; 2\n- 3; 4"


def test_md_front_matter() -> None:
    assert converted_from(".md", MD.encode()).text.startswith("\n# Coal")
    assert converted_from(".md", b'+++\ntitle = "T"\n+++\nText.').title == "T"
    assert converted_from(".md", b"# Head #\n\nText.").title == "Head"
    assert converted_from(".md", b"---\n\nText.\n\n---\n").text == "---\n\nText.\n\n---\n"


# PDF


def test_pdf_pages() -> None:
    found = converted_from(".pdf", GOOD[".pdf"]())
    assert len(found.pages) == 4
    assert found.pages[0] == 0
    for word, start in zip(WORDS, found.pages[1:], strict=True):
        assert found.text[start:].startswith(f"{word} ships sailed.")
    assert "Annals" not in found.text
    assert "north of the\ncountry in small ships" in found.text
    assert "- Hull has the old dock\n- Leith has none" in found.text


def test_pdf_outline() -> None:
    items = (
        "<< /Title (1 Ships) /Parent 5 0 R /Dest [10 0 R /Fit] /Next 8 0 R >>",
        "<< /Title (Ports) /Parent 5 0 R /Dest [12 0 R /Fit] /Prev 7 0 R >>",
    )
    lines = [
        [(72, 700, 11, "1 Ships"), (72, 670, 11, "They sailed.")],
        [(72, 700, 11, "2 Ports"), (72, 670, 11, "They were deep.")],
    ]
    data = pdf(*lines, outline="<< /Type /Outlines /First 7 0 R /Last 8 0 R /Count 2 >>")
    for number, entry in zip((7, 8), items, strict=True):
        data = data.replace(f"{number} 0 obj\nnull".encode(), f"{number} 0 obj\n{entry}".encode())
    text = converted_from(".pdf", data).text  # its table of places is off now, and is made anew
    assert text == "# 1 Ships\n\nThey sailed.\n\n# 2 Ports\n\nThey were deep."


def test_pdf_that_is_scanned_or_empty() -> None:
    drawn = pdf([(72, 700, 11, "x")]).replace(b"BT /F1 11 Tf 72 700 Td (x) Tj ET", b"0 0 90 90 re f 0 0 9 9 re f     ")
    assert reason(".pdf", drawn).startswith("scanned without text: ")
    assert reason(".pdf", pdf([])) == "empty"


def test_pdf_with_a_password() -> None:
    secret = (
        "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <" + "ab" * 32 + "> /U <" + "cd" * 32 + "> >> /ID [<01> <01>]"
    )
    assert reason(".pdf", pdf([(72, 700, 11, "x")], trailer=secret)) == "encrypted: remove its password"


# Encodings


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Уголь шёл с севера на юг страны.", "cp1251"), ("Уголь шёл с севера на юг страны.", "koi8-r"),
        ("Уголь шёл с севера на юг страны.", "utf-16"), ("Уголь шёл с севера на юг страны.", "utf-16-le"),
        ("Über die Öfen weiß der Müller viel.", "latin-1"), ("He said “forty tons” – at the café.", "cp1252"),
        ("Zażółć gęślą jaźń, żeby dotrzeć do Gdańska.", "cp1250"),
        ("石炭は四十トンでした。とても寒い日だった。", "shift_jis"),
        ("石炭は四十トンでした。とても寒い日だった。", "euc_jp"), ("船在四月离开了港口。船上有四十吨煤。", "gb18030"),
        ("Coal, naïve café", "utf-8-sig"), ("Coal, naïve café", "utf-32"),
        ("Coal was shipped.", "utf-16-be"), ("石炭", "utf-8"),
    ],
)  # fmt: skip
def test_encodings(text: str, encoding: str) -> None:
    assert converted_from(".txt", f"{text}\r\n{text}\r".encode(encoding)).text == f"{text}\n{text}\n"


def test_encoding_that_a_page_declares() -> None:
    html = '<meta charset="iso-8859-7"><p>Το πλοίο έφυγε</p>'
    assert converted_from(".html", html.encode("iso-8859-7")).text == "Το πλοίο έφυγε"
    assert converted_from(".html", html.encode()).text == "Το πλοίο έφυγε"
    assert "wrong" in converted_from(".html", b'<meta charset="no-such"><p>wrong \xe9').text


def test_utf_8_with_a_damaged_byte() -> None:
    assert decode("Уголь шёл с севера".encode() + b"\xff") == "Уголь шёл с севера\ufffd"


@given(st.text(min_size=1), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
@settings(max_examples=100, deadline=None)
def test_any_text_in_unicode(text: str, encoding: str) -> None:
    text = "a" + "".join(character for character in text if character.isprintable())
    if not text.isascii() or encoding != "utf-8":
        assert decode(text.encode(encoding)) == text


# What can't be read


@pytest.mark.parametrize("suffix", GOOD)
@pytest.mark.parametrize("data", [b"", b" \r\n\t "])
def test_empty(suffix: str, data: bytes) -> None:
    assert reason(suffix, data) == "empty"


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".html", b"<html><head><title>x</title></head><body><script>1</script></body></html>"),
        (".jsonl", b'{"a": null}'),
        (".rst", b".. a comment\n"), (".csv", b",,\n,,\n"),
        (".docx", zipped(docx_parts() | {"word/document.xml": "<document><body/></document>"})),
    ],
)  # fmt: skip
def test_without_text(suffix: str, data: bytes) -> None:
    assert reason(suffix, data) == "empty"


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx", ".epub", ".pdf"])
@pytest.mark.parametrize("data", [b"no such thing", PNG, zipped({"a.txt": "x"}), archive.OLE + bytes(600)])
def test_damaged(suffix: str, data: bytes) -> None:
    assert reason(suffix, data).startswith("damaged: ")


@pytest.mark.parametrize("suffix", [".docx", ".pptx", ".xlsx"])
def test_encrypted_office(suffix: str) -> None:
    data = archive.OLE + bytes(600) + archive.ENCRYPTED
    assert reason(suffix, data) == "encrypted: remove its password"


def test_encrypted_zip_and_book() -> None:
    data = bytearray(zipped(docx_parts()))
    at = data.index(b"PK\1\2")
    data[at + 8] |= 1
    assert reason(".docx", bytes(data)) == "encrypted: remove its password"
    book = zipped(epub_parts() | {"META-INF/rights.xml": "<rights/>"})
    assert reason(".epub", book).startswith("encrypted: ")


@pytest.mark.parametrize("suffix", [".txt", ".md", ".html", ".csv", ".rst", ".srt", ".jsonl"])
def test_not_text(suffix: str) -> None:
    assert reason(suffix, random.Random(1).randbytes(5000)).startswith("not text: ")


def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converted, "MAX_TEXT", 100)
    for suffix in (".txt", ".html", ".docx", ".xlsx", ".pdf", ".epub"):
        assert reason(suffix, (GOOD[suffix]() * (9 if suffix == ".txt" else 1))).startswith("too large: ")


def test_zip_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED", 2**20)
    for suffix, parts in ((".docx", docx_parts()), (".epub", epub_parts()), (".pptx", pptx_parts())):
        data = zipped(parts | {"bomb": bytes(2**20 + 1)})
        assert len(data) < 20_000
        assert reason(suffix, data).startswith("too large: ")


def test_zip_bomb_that_lies_about_its_size() -> None:
    document = f"<document><body>{'<p/>' * 500_000}</body></document>"
    data = zipped({"[Content_Types].xml": TYPES, "word/document.xml": document})
    size = struct.pack("<I", len(document))
    assert data.count(size) == 2
    assert reason(".docx", data.replace(size, struct.pack("<I", 100))).startswith("damaged: ")


def test_links_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xhtml"
    secret.write_text("<p>secret words</p>")
    parts = epub_parts()
    parts["OEBPS/book.opf"] = str(parts["OEBPS/book.opf"]).replace("two.xhtml", f"../../../../../..{secret}")
    buffer = io.BytesIO(zipped(parts))
    with zipfile.ZipFile(buffer, "a") as target:
        link = zipfile.ZipInfo("OEBPS/link.xhtml")
        link.external_attr = 0o120777 << 16
        target.writestr(link, str(secret))
    assert "secret words" not in converted_from(".epub", buffer.getvalue()).text


def test_deep_nesting() -> None:
    for tag in ("div", "b", "ul><li", "blockquote", "table><tr><td", "span><p"):
        text = converted_from(".html", (f"<{tag}>" * 5000 + "deep words").encode()).text
        assert "deep words" in text
    with pytest.raises(CorpusError):
        converted_from(".jsonl", b"[" * 100_000)


# Nothing is fetched


@pytest.fixture
def visits() -> Iterator[list[str]]:
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        seen.append(f"http://127.0.0.1:{server.server_port}")
        yield seen
        server.shutdown()
        thread.join()


def test_nothing_is_fetched(visits: list[str]) -> None:
    web = visits[0]
    outside = f'<img src="{web}/a.png"/><link rel="stylesheet" href="{web}/a.css"/>'
    outside += f'<iframe src="{web}/a.html"></iframe><p>Seen.</p>'
    doctype = f'<!DOCTYPE html SYSTEM "{web}/a.dtd">'
    chapter = f"{doctype}<html><body>{outside}</body></html>"
    package = str(epub_parts()["OEBPS/book.opf"]).replace("two.xhtml", f"{web}/two.xhtml")
    links = str(docx_parts()["word/_rels/document.xml.rels"]).replace(
        "styles.xml", f'{web}/s.xml" TargetMode="External'
    )
    files = {
        ".html": f"{doctype}<html><body>{outside}".encode(),
        ".xhtml": f'<?xml version="1.0"?>{doctype}<html><body>{outside}</body></html>'.encode(),
        ".md": f"![a]({web}/a.png) Seen.".encode(),
        ".rst": f".. image:: {web}/a.png\n\n.. raw:: html\n   :url: {web}/a.html\n\nSeen.\n".encode(),
        ".epub": zipped(epub_parts() | {"OEBPS/text/one a.xhtml": chapter, "OEBPS/book.opf": package}),
        ".docx": zipped(docx_parts("<w:p><w:r><w:t>Seen.</w:t></w:r></w:p>") | {"word/_rels/document.xml.rels": links}),
    }  # fmt: skip
    for suffix, data in files.items():
        assert "Seen." in converted_from(suffix, data).text
    assert visits == [web]


@pytest.mark.parametrize("name", ["word/document.xml", "word/styles.xml"])
def test_entities_are_not_expanded(tmp_path: Path, visits: list[str], name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret words")
    for entity in (f'SYSTEM "file://{tmp_path}/secret.txt"', f'SYSTEM "{visits[0]}/x"', '"aaaa"'):
        parts = docx_parts("<w:p><w:r><w:t>&x;</w:t></w:r></w:p>")
        parts[name] = f"<!DOCTYPE d [<!ENTITY x {entity}>]>" + str(parts[name])
        try:
            text = converted_from(".docx", zipped(parts)).text
        except CorpusError as error:
            text = str(error)
        assert "secret words" not in text
        assert "aaaa" not in text
    assert len(visits) == 1


def test_many_entities() -> None:
    lol = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    with pytest.raises(CorpusError, match=r"entities"):
        parse_xml(f'<!DOCTYPE d [<!ENTITY a0 "ha">{lol}]><d>&a9;</d>'.encode(), "x")


def test_entities_in_a_workbook(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret words")
    source = zipfile.ZipFile(io.BytesIO(xlsx()))
    parts: dict[str, str | bytes] = {name: source.read(name) for name in source.namelist()}
    for name, part in parts.items():
        content = re.sub(rb"<\?.*?\?>", b"", bytes(part)).replace(b"Hull", b"&x;").replace(b"Ports", b"&x;")
        changed = parts | {name: f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{tmp_path}/secret.txt">]>'.encode() + content}
        try:
            assert "secret words" not in converted_from(".xlsx", zipped(changed)).text
        except CorpusError as error:
            assert str(error).startswith("damaged: ")


# What is written stays what it is


@given(st.text(alphabet="#-*+>|`~=_1.) \tab\n<[]:é", max_size=60))
@settings(max_examples=300, deadline=None)
def test_a_paragraph_stays_one(text: str) -> None:
    written = paragraph(text)
    found = [block for block in structure(f"{written}\n") if block.level < 7]
    assert all(block.level == 0 and block.list == 0 for block in found)
    words = " ".join(written.split())
    assert " ".join(" ".join(written[block.start : block.end] for block in found).split()) == words
    assert words == " ".join(text.split())


@given(st.lists(st.lists(st.text(alphabet="ab1 :;|-", max_size=6), min_size=1, max_size=4), max_size=5))
@settings(max_examples=200, deadline=None)
def test_rows_keep_every_cell(table: list[list[str]]) -> None:
    text = "\n".join(rows(table))
    filled = [row for row in table if any(map(str.strip, row))]
    for row in filled[1:]:  # the first one may name the columns, and such a name can have nothing in its column
        for cell in row:
            assert " ".join(cell.split()).rstrip(": ") in text


# A process of its own

BAD = """
import os, signal, socket, subprocess, sys, time, types
import PACKAGE.convert as convert, PACKAGE.isolation as isolation
bad = types.ModuleType("PACKAGE.bad")
bad.hang = lambda data: time.sleep(99)
bad.loop = lambda data: [None for _ in iter(int, 1)]
bad.crash = lambda data: os.kill(os.getpid(), signal.SIGSEGV)
bad.leave = lambda data: os._exit(0)
bad.memory = lambda data: [bytearray(2**24) for _ in range(1000)]
bad.fail = lambda data: 1 / 0
bad.connect = lambda data: socket.create_connection(("127.0.0.1", 9))
bad.run = lambda data: subprocess.run(["true"])
bad.talk = lambda data: (print("{}"), os.write(1, b"nonsense"), convert.Converted("talked"))[-1]
sys.modules["PACKAGE.bad"] = bad
convert.KINDS |= {f".{name}": f"bad:{name}" for name in vars(bad) if name[0] != "_"}
isolation.serve(int(sys.argv[1]), float(sys.argv[2]))
"""


class BadConverter(Converter):
    _program = ("-c", BAD.replace("PACKAGE", PACKAGE))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hang", "took longer than 3 s"), ("crash", "its converter crashed"), ("leave", "its converter crashed"),
        ("fail", "damaged: ZeroDivisionError"), ("connect", "damaged: PermissionError"),
        ("run", "damaged: PermissionError"),
    ],
)  # fmt: skip
def test_a_bad_converter_costs_one_file(name: str, expected: str) -> None:
    with BadConverter(timeout_s=3, memory_mb=512) as converter:
        for _ in range(2):
            with pytest.raises(CorpusError, match=f"^{expected}"):
                converter.convert(b"x", f".{name}")
            assert converter.convert(b"<p>good", ".html").text == "good"


def test_what_a_converter_prints_is_no_answer() -> None:
    with BadConverter() as converter:
        assert converter.convert(b"x", ".talk").text == "talked"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_memory_excess() -> None:
    for name in ("memory", "loop"):
        with (
            BadConverter(timeout_s=60, memory_mb=300) as converter,
            pytest.raises(CorpusError, match=r"^needs more than 300 MB$"),
        ):
            converter.convert(b"x", f".{name}")


@pytest.mark.parametrize("suffix", GOOD)
def test_isolated_is_the_same(suffix: str, isolated: Converter) -> None:
    assert isolated.convert(GOOD[suffix](), suffix) == convert(GOOD[suffix](), suffix)


def test_a_closed_converter_starts_anew_and_leaves_no_process() -> None:
    converter = Converter()
    for _ in range(2):
        assert converter.convert(b"<p>Text", ".html").text == "Text"
        process = converter._process
        assert process is not None
        converter.close()
        assert process.poll() is not None


def test_a_process_that_was_killed_meanwhile() -> None:
    with Converter() as converter:
        converter.convert(b"<p>Text", ".html")
        assert converter._process is not None
        converter._process.kill()
        converter._process.wait()
        assert converter.convert(b"<p>Text", ".html").text == "Text"


# Damaged files

MUTATIONS = 26  # of each kind: 416 files


def mutated(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    match chance.randrange(5):
        case 0:
            for _ in range(chance.randint(1, 30)):
                damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        case 1:
            del damaged[chance.randrange(len(damaged)) :]
        case 2:
            size = max(1, len(damaged) // chance.randint(3, 20))
            one, two = (chance.randrange(len(damaged) - size + 1) for _ in range(2))
            damaged[one : one + size], damaged[two : two + size] = damaged[two : two + size], damaged[one : one + size]
        case 3:
            at = chance.randrange(len(damaged))
            damaged[at:at] = damaged[at : at + chance.randint(1, 200)] * chance.randint(1, 50)
        case _:
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.randint(1, 100)] = chance.randbytes(chance.randint(0, 100))
    return bytes(damaged)


def mutated_part(data: bytes, chance: random.Random) -> bytes:
    """The same of one part of an archive, which stays whole itself."""
    source = zipfile.ZipFile(io.BytesIO(data))
    parts: dict[str, str | bytes] = {name: source.read(name) for name in source.namelist()}
    name = chance.choice([name for name, content in parts.items() if content])
    return zipped(parts | {name: mutated(bytes(parts[name]), chance)})


@pytest.fixture(scope="module")
def isolated() -> Iterator[Converter]:
    with Converter(timeout_s=20, memory_mb=1024) as converter:
        yield converter


@pytest.mark.parametrize("suffix", GOOD)
def test_damaged_files(suffix: str, isolated: Converter) -> None:
    chance = random.Random(zlib.crc32(suffix.encode()))
    good = GOOD[suffix]()
    for number in range(MUTATIONS):
        in_part = number % 2 and good.startswith(b"PK")
        data = mutated_part(good, chance) if in_part else mutated(good, chance)
        try:
            found = isolated.convert(data, suffix)
        except CorpusError as error:
            assert "took longer" not in str(error)
            assert "needs more" not in str(error)
            assert len(str(error)) < 400
            assert "\n" not in str(error)
        else:
            assert found.text.strip()
            assert all(0 <= start <= len(found.text) for start in found.pages)
            list(blocks(found.text))
