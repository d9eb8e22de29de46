import http.server
import io
import random
import re
import struct
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from documents.files import (
    EXPECTED_ROWS,
    GOOD,
    HTML,
    JSONL,
    MD,
    PNG,
    RST,
    SRT,
    TYPES,
    VTT,
    WORDS,
    docx_parts,
    epub_parts,
    pdf,
    pptx_parts,
    xlsx,
    zipped,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.documents import archive, converted
from qa.documents.archive import parse_xml
from qa.documents.convert import KINDS, Converted, convert
from qa.documents.formats.plain import decode
from qa.documents.sandbox import Converter
from qa.documents.writing.parts import Part, code, heading, listed, paragraph, written
from qa.documents.writing.rows import tabled
from qa.documents.writing.words import linked
from qa.errors import CorpusError
from qa.text.blocks import quotable


def converted_from(suffix: str, data: bytes) -> Converted:
    return convert(data, suffix)


def reason(suffix: str, data: bytes) -> str:
    with pytest.raises(CorpusError) as caught:
        converted_from(suffix, data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def blocks_of(found: Converted, kind: str) -> list[str]:
    return [found.text[block.start : block.end] for block in found.blocks if block.kind == kind]


# What every kind keeps


def test_every_kind_has_a_good_file() -> None:
    assert GOOD.keys() == {suffix for suffix, kind in KINDS.items() if not kind.startswith("ocr.")}


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
    found = converted_from(suffix, GOOD[suffix]())
    rows = [block for block in found.blocks if block.kind == "row" and block.cells[0].name == "Year"]
    assert [found.text[row.start : row.end] for row in rows] == list(EXPECTED_ROWS)
    cells = [(cell.name, found.text[cell.start : cell.end]) for cell in rows[0].cells]
    assert cells == [("Year", "1912"), ("Tons", "40"), ("Port", "Hull")]
    assert rows[0].list == rows[1].list != 0


@pytest.mark.parametrize("suffix", [".html", ".docx", ".pptx", ".epub", ".rst", ".pdf"])
def test_headings(suffix: str) -> None:
    assert blocks_of(converted_from(suffix, GOOD[suffix]()), "heading")[-2:] == ["The coal trade", "Ports"]


@pytest.mark.parametrize("suffix", [".html", ".docx", ".pptx", ".epub", ".rst"])
def test_lists(suffix: str) -> None:
    found = converted_from(suffix, GOOD[suffix]())
    items = [(found.text[b.start : b.end], b.level, b.opens) for b in found.blocks if b.kind == "item"]
    assert items[:3] == [("Hull", 0, True), ("the old dock", 1, True), ("Leith", 0, True)]
    if suffix != ".pptx":
        assert items[3:5] == [("1. Load.", 0, True), ("2. Sail.", 0, True)]


@pytest.mark.parametrize("suffix", [".html", ".docx", ".epub", ".rst"])
def test_listings(suffix: str) -> None:
    (listing,) = blocks_of(converted_from(suffix, GOOD[suffix]()), "code")
    assert listing.startswith("# a comment\n")
    assert listing.endswith("sail()")


@pytest.mark.parametrize("suffix", GOOD)
def test_blocks_are_in_order_and_hold_every_word(suffix: str) -> None:
    found = converted_from(suffix, GOOD[suffix]())
    words = {".csv": "Hull", ".tsv": "Hull"}.get(suffix, "Coal was shipped")
    assert words in found.text
    assert "\r" not in found.text
    inside = "".join(found.text[block.start : block.end] for block in found.blocks)
    assert "".join(inside.split()) == "".join(found.text.split())
    assert all(a.end <= b.start for a, b in pairwise(found.blocks))


def test_html_without_what_surrounds_it() -> None:
    found = converted_from(".html", HTML.encode())
    for words in ("scripted", "color", "Home of", "Next", "here", "¶", "[1]", "unseen", "Buy", "rights"):
        assert words not in found.text
    assert "Coal was shipped from the north.\n" in found.text
    assert "Bunker: A place for coal." in blocks_of(found, "item")
    assert found.text.endswith("The end.")


def test_html_tables() -> None:
    html = """<table><tr><th rowspan=2>Port<th colspan=2>Tons</tr><tr><th>1912<th>1913</tr>
    <tr><td rowspan=2>Hull<td>1<td>2</tr><tr><td>3<td>4</tr></table>
    <table><tr><th>Born<td>1850</tr><tr><th>Died:<td>1912</tr></table>
    <table><tr><td><p>layout</p></td></tr></table><table><tr><td>a<td>b</tr><tr><td>c<td>d</tr></table>"""
    text = converted_from(".html", html.encode()).text
    assert "Port: Hull; Tons 1912: 1; Tons 1913: 2\nPort: Hull; Tons 1912: 3; Tons 1913: 4" in text
    assert "Born: 1850\nDied: 1912" in text
    assert "\n\nlayout\n\n" in text
    assert text.endswith("a: b\nc: d")


def test_html_sidebar_that_is_a_text_is_kept() -> None:
    prose = "<p>Long ago, coal was dug by hand.</p>" * 20
    more = "<p>Other text, and more.</p>" * 60
    html = f"<body><h1>T</h1><div class=sidebar>{prose}</div><div class=footer>(c)</div>{more}"
    text = converted_from(".html", html.encode()).text
    assert "dug by hand" in text
    assert "(c)" not in text


def test_html_heading_above_the_main_part() -> None:
    html = "<body><div><h1>Coal</h1></div><main><p>It was shipped.</p></main>"
    found = converted_from(".html", html.encode())
    assert (found.text, found.title) == ("Coal\n\nIt was shipped.", "Coal")


def test_docx_details() -> None:
    found = converted_from(".docx", zipped(docx_parts()))
    text = found.text
    assert blocks_of(found, "note") == ["As noted below."]
    assert "It came by sea." in text
    assert "Contents 1" not in text
    assert "In a box." in text
    assert "As noted below." in text
    assert "1. January was cold." in text


def test_pptx_details() -> None:
    text = converted_from(".pptx", zipped(pptx_parts())).text
    assert text.startswith("The coal trade\n\nCoal was shipped\n\nPorts")
    assert text.endswith("Said aloud.")
    assert "77" not in text


def test_xlsx_details() -> None:
    text = converted_from(".xlsx", xlsx()).text
    assert text.startswith("Ports\n\nCoal was shipped\n\nYear")
    assert text.endswith("Share: 12.5%; Paid: $3.50")
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
    assert text.startswith("Before all\n\nFirst words.\n\nThe coal trade")
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
        "The coal trade\n\nyear: 1912; ports: Hull, Leith\n\nCoal was shipped from the north.\n\nOnly a text."
    )


def test_half_a_character_is_replaced() -> None:
    assert converted_from(".jsonl", b'{"title": "\\ud800", "text": "a\\udfffb"}').text == "\ufffd\n\na\ufffdb"


def test_csv_delimiters_and_quotes() -> None:
    data = 'Name;Price;Note\nTea;1,5;a\nCoffee;2,5;"b; c\nd"\n'
    assert converted_from(".csv", data.encode()).text == (
        "Name: Tea; Price: 1,5; Note: a\nName: Coffee; Price: 2,5; Note: b; c d"
    )
    assert converted_from(".csv", b"1,2\n3,4\n").text == "1: 2\n3: 4"


def test_md_front_matter() -> None:
    assert converted_from(".md", MD.encode()).text.startswith("Coal\n\nCoal was shipped.")
    assert converted_from(".md", b'+++\ntitle = "T"\n+++\nText.').title == "T"
    assert converted_from(".md", b"# Head #\n\nText.").title == "Head"
    assert converted_from(".md", b"---\n\nText.\n\n---\n").text == "Text."


# PDF


def test_pdf_pages() -> None:
    found = converted_from(".pdf", GOOD[".pdf"]())
    assert len(found.pages) == 4
    assert found.pages[0] == 0
    for word, start in zip(WORDS, found.pages[1:], strict=True):
        assert found.text[start:].startswith(f"{word} ships sailed.")
    assert "Annals" not in found.text
    assert "north of the country in small ships" in found.text
    assert blocks_of(found, "item") == ["Hull has the old dock", "Leith has none"]
    assert [block.page for block in found.blocks][-2:] == [3, 4]


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
    assert text == "1 Ships\n\nThey sailed.\n\n2 Ports\n\nThey were deep."


@pytest.mark.slow
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
    assert converted_from(".txt", f"{text}\r\n\r\n{text}\r".encode(encoding)).text == f"{text}\n\n{text}"


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

WORD = st.text(alphabet="#-*+>|`~=_1.) \tab\n<[]:é\u00ad", max_size=40)


@given(WORD)
@settings(max_examples=200, deadline=None)
def test_a_paragraph_stays_one_with_its_words(text: str) -> None:
    found = written(paragraph(text))
    assert [block.kind for block in found.blocks] == ["paragraph"] * bool(found.text)
    assert found.text.split() == text.replace("\u00ad", "").split()


@given(st.lists(st.lists(st.text(alphabet="ab1 :;|-", max_size=6), min_size=1, max_size=4), max_size=5))
@settings(max_examples=200, deadline=None)
def test_rows_keep_every_cell(table: list[list[str]]) -> None:
    text = written(tabled(table, None, ())).text
    filled = [row for row in table if any(map(str.strip, row))]
    for row in filled[1:]:  # the first one may name the columns, and such a name can have nothing in its column
        for cell in row:
            assert " ".join(cell.split()).rstrip(": ") in text


PARTS = st.recursive(
    st.one_of(
        WORD.map(paragraph),
        WORD.map(code),
        st.tuples(WORD, st.integers(-1, 9)).map(lambda pair: heading(*pair)),
        st.tuples(WORD, WORD).map(lambda pair: paragraph(f"{linked(pair[0], f'https://e.org/{pair[1]}')} x")),
        st.lists(st.lists(WORD, max_size=3), max_size=3).map(lambda table: tabled(table, None, ())),
    ),
    lambda inner: st.lists(st.tuples(st.sampled_from(["", "1.", "(a)"]), inner), max_size=3).map(listed),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.lists(PARTS, max_size=5))
@settings(max_examples=200, deadline=None)
def test_blocks_cells_and_links_are_places_in_the_text(parts: list[list[Part]]) -> None:
    found = written(part for group in parts for part in group)
    assert found == Converted.loaded(found.dumped())
    inside = "".join(found.text[block.start : block.end] for block in found.blocks)
    assert "".join(inside.split()) == "".join(found.text.split())
    for block in found.blocks:
        assert 0 <= block.start < block.end <= len(found.text)
        assert all(block.start <= cell.start <= cell.end <= block.end for cell in block.cells)
    assert all(0 <= link.start < link.end <= len(found.text) for link in found.links)
    assert not any("\ufdd0" <= character <= "\ufdef" for character in found.text)


def test_links_stand_at_their_words() -> None:
    found = written(paragraph(f"See {linked('the  port', 'https://e.org/a b')} now."))
    assert found.text == "See the port now."
    assert [(found.text[link.start : link.end], link.target) for link in found.links] == [
        ("the port", "https://e.org/ab")
    ]


# A process of its own

BAD = """
import os, signal, socket, subprocess, sys, time, types
import qa.documents.convert as convert, qa.documents.sandbox as sandbox
bad = types.ModuleType("qa.documents.bad")
bad.hang = lambda data: time.sleep(99)
bad.loop = lambda data: [None for _ in iter(int, 1)]
bad.crash = lambda data: os.kill(os.getpid(), signal.SIGSEGV)
bad.leave = lambda data: os._exit(0)
bad.memory = lambda data: [bytearray(2**24) for _ in range(1000)]
page = lambda on_scan: (on_scan(), time.sleep(0.4))
bad.pages = lambda data, on_scan: ([page(on_scan) for _ in range(5)], convert.Converted("read"))[-1]
bad.fail = lambda data: 1 / 0
bad.connect = lambda data: socket.create_connection(("127.0.0.1", 9))
bad.run = lambda data: subprocess.run(["true"])
bad.talk = lambda data: (print("{}"), os.write(1, b"nonsense"), convert.Converted("talked"))[-1]
sys.modules["qa.documents.bad"] = bad
convert.KINDS |= {f".{name}": f"bad:{name}" for name in vars(bad) if name[0] != "_"}
convert.SCANS += (".pages",)
sandbox.serve(int(sys.argv[1]), float(sys.argv[2]))
"""


class BadConverter(Converter):
    _program = ("-c", BAD)


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


def test_the_time_begins_anew_with_every_page_that_is_read() -> None:
    with BadConverter(timeout_s=1.2) as converter:
        assert converter.convert(b"<p>good", ".html").text == "good"
        assert converter.convert(b"x", ".pages").text == "read"


@pytest.mark.slow
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
            list(quotable(found.text, found.blocks))
