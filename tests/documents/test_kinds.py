"""What readers see and what they don't, by kinds of trouble, in HTML, Markdown, text, tables, Office and subtitles."""

import io
import zipfile
from collections.abc import Sequence

import pytest
from documents.files import CORE, TYPES, relations, zipped

from qa.documents.convert import convert
from qa.documents.formats.office.numbers import shown
from qa.documents.writing.rows import has_names

PROSE = "<p>" + "The library is in the old mill and lends books to everybody in the valley. " * 8 + "</p>"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>10<sup>6</sup> and H<sub>2</sub>O, x<sup>-2</sup></p>", "10⁶ and H₂O, x⁻²"),
        ("<p>the 19<sup>th</sup> day<sup><a href='#n1'>1</a></sup></p>", "the 19th day"),
        ("<p><math><mfrac><mn>12</mn><mn>5</mn></mfrac></math> litres</p>", "12/5 litres"),
        ("<p><math><msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><msqrt><mn>9</mn></msqrt></math></p>", "x² = √(9)"),
        ("<p><math> <mfrac>\n <mn>1</mn>\n <msup><mi>n</mi> <mn>2</mn></msup></mfrac> </math></p>", "1/n²"),
        ("<p><math><munderover><mo>∑</mo><mn>1</mn><mi>n</mi></munderover><mi>i</mi></math></p>", "∑₁ⁿi"),
        ("<math><msup><mfenced><mi>a</mi><mi>b</mi></mfenced><mn>2</mn></msup></math>", "(a, b)²"),
        ("<math><mroot><mi>x</mi><mn>3</mn></mroot><mover><mi>v</mi><mo>→</mo></mover></math>", "³√(x)v→"),
        ("<math><msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt></math>", "√(a+b)"),
        ("<math>\n <msup>\n <mn>10</mn>\n <mn>6</mn>\n </msup>\n</math>", "10⁶"),  # indented
        ("<p><math><msup><mi>e</mi><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></msup></math></p>", "e^(a+b)"),
        ("<p><math><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup></math></p>", "x₁²"),
        ("<p><math alttext='y'></math> is it</p>", "y is it"),
        ("<p>a <img class='math' alt='x+y'> b <img alt='a cat'></p>", "a x+y b"),
        ("<p><ruby>図書館<rt>としょかん</rt></ruby>です</p>", "図書館です"),
        ("<ol start=5><li>a</li><li value=9>b</li><li>c</li></ol>", "5. a\n9. b\n10. c"),
        ("<ol type=a><li>x</li><li>y</li></ol>", "a. x\nb. y"),
        ("<ol type=I><li>x</li><li>y</li></ol>", "I. x\nII. y"),
        ("<ol reversed><li>x</li><li>y</li></ol>", "2. x\n1. y"),
        ("<p>seen<!-- not --></p><p style='display: none'>not</p>", "seen"),
        ("<style>.x{display:none}</style><p class=x>not</p><p>seen</p>", "seen"),
        ("<style>@media print{.x{display:none}}</style><p class=x>seen</p>", "seen"),
        ("<div><p>a<br>b</p></div>", "a\nb"),
    ],
)  # fmt: skip
def test_html_shows_what_a_browser_shows(html: str, text: str) -> None:
    assert convert(html.encode(), ".html").text == text


@pytest.mark.parametrize(
    "part",
    [
        '<h2 id="cookies">Kept</h2>',
        '<section id="related"><h2>Related</h2><p>Kept words.</p></section>',
        '<div role="alert">Kept words.</div>',
        '<h3><button aria-expanded="false">Is it kept?</button></h3>',
        '<button aria-controls="a">How long is it kept?</button>',
        '<aside role="doc-footnote">Kept as a note.</aside>',
        '<aside class="footnote">Kept as a note.</aside>',
    ],
)
def test_html_that_is_no_navigation_stays_whatever_its_name(part: str) -> None:
    text = convert(f"<title>T</title><body>{PROSE}{part}{PROSE}".encode(), ".html").text
    assert any(words in text for words in ("Kept", "kept?", "Related"))


@pytest.mark.parametrize(
    "part",
    [
        "<nav>Not kept</nav>",
        '<div class="cookies">Not kept</div>',
        "<button>Not kept</button>",
        '<div role="navigation">Not kept</div>',
        "<aside>Not kept</aside>",
        '<div id="footer">Not kept</div>',
    ],
)
def test_html_that_is_navigation_is_left_out(part: str) -> None:
    assert "Not kept" not in convert(f"<title>T</title><body>{PROSE}{part}{PROSE}".encode(), ".html").text


def test_a_table_in_html_keeps_its_names_below_a_row_that_spans_it() -> None:
    html = "<table><tr><th>Item<th>Shelf</tr><tr><td colspan=2>Tools</tr><tr><td>Saw<td>B4</tr></table>"
    assert convert(html.encode(), ".html").text == "Tools\n\nItem: Saw; Shelf: B4"


def test_markdown_is_read_as_it_is_rendered() -> None:
    found = convert(b"A [link](https://e.org/x) and **bold** `code`, [gone](page.md).\n\n![alt](x.png)\n", ".md")
    assert found.text == "A link and bold code, gone."
    assert [(found.text[link.start : link.end], link.target) for link in found.links] == [("link", "https://e.org/x")]
    nested = convert(b"1. one\n   - two\n\n   more\n2. three\n", ".md")
    assert nested.text == "1. one\ntwo\nmore\n2. three"
    table = convert(b"| a | b |\n|---|---|\n| **1** | [2](https://e.org) |\n", ".md")
    assert table.text == "a: 1; b: 2"


def test_wrapped_lines_of_a_text_flow_and_those_of_a_verse_stay() -> None:
    prose = b"The committee met on the fourth of May in the town hall and\napproved the budget.\n\nRose\nleaf\n"
    text = convert(prose, ".txt").text
    assert text == "The committee met on the fourth of May in the town hall and approved the budget.\n\nRose\nleaf"


@pytest.mark.parametrize(
    ("raw", "pattern", "seen"),
    [
        ("1234", "00000", "01234"), ("0.3333333", "0%", "33%"), ("0.125", "0.0%", "12.5%"), ("3.5", '"$"0.00', "$3.50"),
        ("1234567.891", "#,##0.00", "1,234,567.89"),
        ("-12.5", "#,##0.00 [$€-407];[Red]-#,##0.00 [$€-407]", "-12.50 €"), ("45292", "yyyy-mm-dd", "2024-01-01"),
        ("45292.4375", "d/m/yy h:mm", "2024-01-01 10:30"), ("0.4375", "h:mm", "10:30"), ("1.5", "[h]:mm", "36:00"),
        ("1234567890123456", "General", "1234567890123456"), ("8.200000000000001", "General", "8.2"),
        ("0.5", "# ?/?", "1/2"), ("12345", "0.00E+00", "1.23E+04"), ("5", '0 "days"', "5 days"),
        ("-3", "General", "-3"),
        ("0", '0;-0;"none"', "none"), ("45292", "mmm-yy", "2024-01-01"), ("nan", "0", ""), ("x", "0", "x"),
    ],
)  # fmt: skip
def test_numbers_are_shown_as_the_program_shows_them(raw: str, pattern: str, seen: str) -> None:
    assert shown(raw, pattern) == seen


def test_dates_since_1904() -> None:
    assert shown("0", "yyyy-mm-dd", since_1904=True) == "1904-01-01"


@pytest.mark.parametrize(
    ("table", "top"),
    [
        ([["Name", "Ann Field"], ["Room", "Tower"], ["Phone", "extension 42"]], 0),
        ([["Boat", "Fee"], ["Punt", "2"], ["Yawl", "6"]], 1),
        ([["Port", "Kind", "Keeper"], ["Hull", "deep", "Ann"], ["Leith", "deep", "Ben"], ["Elm", "dry", "Cy"]], 1),
        ([["Ann", "cook", "Hull"], ["Ben", "mate", "Leith"]], 0),
        ([["1912", "40"], ["1913", "52"]], 0),
        ([["Name:", "Ann"], ["Age:", "40"], ["Size:", "2"]], 0),
    ],
)
def test_a_first_row_names_the_columns_only_where_that_is_certain(table: Sequence[Sequence[str]], top: int) -> None:
    assert has_names(table) == top


# Office

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="r" xmlns:m="m"'


def docx(body: str, **parts: str) -> bytes:
    links = {"numbering": ("n", "numbering", "numbering.xml"), "styles": ("s", "styles", "styles.xml")}
    return zipped(
        {
            "[Content_Types].xml": TYPES,
            "word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": relations(*(links[name] for name in parts)),
            "docProps/core.xml": CORE,
            **{f"word/{name}.xml": f"<w:{name} {W}>{content}</w:{name}>" for name, content in parts.items()},
        }
    )


def p(text: str, number: str = "", depth: int = 0, style: str = "", run: str = "") -> str:
    listed = f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>' if number else ""
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{styled}{listed}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def level(depth: int, kind: str, text: str, start: int = 1) -> str:
    inner = f'<w:start w:val="{start}"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{text}"/>'
    return f'<w:lvl w:ilvl="{depth}">{inner}</w:lvl>'


def test_clauses_have_the_numbers_that_word_shows() -> None:
    levels = level(0, "decimal", "§ %1", 5) + level(1, "decimal", "%1.%2") + level(2, "lowerLetter", "(%3)")
    numbering = f'<w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>' + "".join(
        f'<w:num w:numId="{n}"><w:abstractNumId w:val="0"/>{extra}</w:num>'
        for n, extra in (
            ("1", ""),
            ("2", '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'),
        )
    )
    body = p("A", "1") + p("B", "1", 1) + p("C", "1", 2) + p("D", "1", 2) + p("E", "1", 1) + p("F", "1") + p("G", "2")
    text = convert(docx(body, numbering=numbering), ".docx").text
    assert text.split("\n") == ["§ 5 A", "5.1 B", "(a) C", "(b) D", "5.2 E", "§ 6 F", "§ 1 G"]


def test_what_word_raises_lowers_and_calculates() -> None:
    raised = '<w:vertAlign w:val="superscript"/>'
    body = p("10").removesuffix("</w:p>") + p("6", run=raised).partition("</w:pPr>")[2]
    fraction = "<m:f><m:num><m:r><m:t>12</m:t></m:r></m:num><m:den><m:r><m:t>5</m:t></m:r></m:den></m:f>"
    power = "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    body += f"<w:p><m:oMath>{fraction}{power}</m:oMath></w:p>"
    assert convert(docx(body), ".docx").text == "10⁶\n\n12/5x²"


@pytest.mark.parametrize(
    ("properties", "first", "text"),
    [
        ("", "<w:trPr><w:tblHeader/></w:trPr>", "Name: Room; Ann: Tower"),
        ('<w:tblLook w:val="04A0" w:firstRow="1"/>', "", "Name: Ann\nRoom: Tower"),
    ],
)
def test_a_table_has_names_where_word_says_so_and_a_form_has_none(properties: str, first: str, text: str) -> None:
    lines = [("Name", "Ann"), ("Room", "Tower")]
    rows = "".join(
        f"<w:tr>{first if not n else ''}{''.join(f'<w:tc>{p(cell)}</w:tc>' for cell in line)}</w:tr>"
        for n, line in enumerate(lines)
    )
    found = convert(docx(f"<w:tbl><w:tblPr>{properties}</w:tblPr>{rows}</w:tbl>"), ".docx")
    assert found.text == text


def sheet(rows: str, more: str = "") -> bytes:
    from files import xlsx

    source = zipfile.ZipFile(io.BytesIO(xlsx()))
    parts: dict[str, str | bytes] = {name: source.read(name) for name in source.namelist()}
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    parts["xl/worksheets/sheet1.xml"] = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>{more}</worksheet>'
    return zipped(parts)


def line(number: int, *cells: str, hidden: bool = False) -> str:
    inner = "".join(
        f'<c r="{chr(65 + n)}{number}" t="inlineStr"><is><t>{cell}</t></is></c>' for n, cell in enumerate(cells) if cell
    )
    return f'<row r="{number}"{" hidden=" + chr(34) + "1" + chr(34) if hidden else ""}>{inner}</row>'


@pytest.mark.parametrize(
    ("rows", "more", "text"),
    [
        (
            line(1, "Branch", "2023", "", "2024", "") + line(2, "", "Units", "Costs", "Units", "Costs")
            + line(3, "Lyon", "12", "50", "14", "61"),
            '<mergeCells><mergeCell ref="B1:C1"/><mergeCell ref="D1:E1"/></mergeCells>',
            "Branch: Lyon; 2023 Units: 12; 2023 Costs: 50; 2024 Units: 14; 2024 Costs: 61",
        ),
        (
            line(1, "Item", "Shelf", "Pieces") + line(2, "Tools")
            + line(3, "Saw", "B4", "17") + line(4, "Hex", "C1", "2"),
            "",
            "Tools\n\nItem: Saw; Shelf: B4; Pieces: 17\nItem: Hex; Shelf: C1; Pieces: 2",
        ),
        (line(1, "Boat", "Owner") + line(2, "Punt", "Ann"), '<autoFilter ref="A1:B2"/>', "Boat: Punt; Owner: Ann"),
        (
            line(1, "Boat", "Fee") + line(2, "Punt", "2") + line(3, "No", "1", hidden=True) + line(4, "Yawl", "6"), "",
            "Boat: Punt; Fee: 2\nBoat: Yawl; Fee: 6",
        ),
    ],
)  # fmt: skip
def test_a_sheets_names_stand_with_every_row(rows: str, more: str, text: str) -> None:
    assert convert(sheet(rows, more), ".xlsx").text == f"Ports\n\n{text}"


def test_captions_that_roll_are_said_once() -> None:
    vtt = "WEBVTT\n\n00:00.100 --> 00:02.000\nthe harbour\n\n00:02.000 --> 00:02.010\nthe harbour\n\n"
    vtt += "00:02.010 --> 00:04.000\nthe harbour\nopens at six\n\n00:09.000 --> 00:10.000\nopens at six\n"
    assert convert(vtt.encode(), ".vtt").text == "the harbour opens at six\n\nopens at six"
