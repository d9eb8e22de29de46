"""Word's documents, presentations and workbooks as their readers see them, by kinds of trouble."""

import random
import time
import zlib

import pytest
from documents.files import CORE, TYPES, docx_parts, pptx_parts, relations, zipped

from qa.documents.convert import Converted, convert
from qa.documents.formats.office.package import NO_TITLES
from qa.errors import CorpusError

WEB = "https://elm.example/fees"
NAMES = " ".join(f'xmlns:{name}="{name}"' for name in ("w", "r", "m", "p", "a", "a14", "mc", "c", "dgm", "w14"))
EXTERNAL = f'<Relationship Id="web" Type="hyperlink" Target="{WEB}" TargetMode="External"/>'


def linked_to(*links: tuple[str, str, str]) -> str:
    return relations(*links).replace("</Relationships>", f"{EXTERNAL}</Relationships>")


def seen(found: Converted) -> list[tuple[str, str]]:
    return [(block.kind, found.text[block.start : block.end]) for block in found.blocks]


def links(found: Converted) -> list[tuple[str, str]]:
    return [(found.text[link.start : link.end], link.target) for link in found.links]


def cells(found: Converted) -> list[list[tuple[str, str]]]:
    rows = [block for block in found.blocks if block.kind == "row"]
    return [[(cell.name, found.text[cell.start : cell.end]) for cell in row.cells] for row in rows]


# Word


def docx(body: str, **parts: str) -> Converted:
    kinds = {"chunk": ("chunk", "aFChunk", "chunk.html"), "inner": ("inner", "aFChunk", "inner.docx")}
    own = {name: part for name, part in parts.items() if name not in kinds}
    data: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES,
        "word/document.xml": f"<w:document {NAMES}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": linked_to(*(kinds.get(name, (name, name, f"{name}.xml")) for name in parts)),
        **{f"word/{name}.xml": f"<w:{name} {NAMES}>{content}</w:{name}>" for name, content in own.items()},
    }
    if "chunk" in parts:
        data["word/chunk.html"] = parts["chunk"]
    if "inner" in parts:
        inner = f"<w:document {NAMES}><w:body>{parts['inner']}</w:body></w:document>"
        data["word/inner.docx"] = zipped({"[Content_Types].xml": TYPES, "word/document.xml": inner})
    return convert(zipped(data), ".docx")


def r(text: str, look: str = "") -> str:
    return f"<w:r><w:rPr>{look}</w:rPr><w:t>{text}</w:t></w:r>"


def p(text: str, number: str = "", depth: int | None = None, style: str = "", mark: str = "") -> str:
    deep = "" if depth is None else f'<w:ilvl w:val="{depth}"/>'
    listed = f'<w:numPr>{deep}<w:numId w:val="{number}"/></w:numPr>' if number else ""
    inner = text if text.startswith("<") else r(text) if text else ""
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{listed}<w:rPr>{mark}</w:rPr></w:pPr>{inner}</w:p>'


def level(depth: int, kind: str, text: str, start: int = 1, more: str = "") -> str:
    inner = f'<w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>{more}<w:lvlText w:val="{text}"/>'
    return f'<w:lvl w:ilvl="{depth}">{inner}</w:lvl>'


def numbering(*levels: str, second: str = "") -> str:
    nums = "".join(
        f'<w:num w:numId="{n}"><w:abstractNumId w:val="7"/>{more}</w:num>' for n, more in ((1, ""), (2, second))
    )
    return f'<w:abstractNum w:abstractNumId="7">{"".join(levels)}</w:abstractNum>{nums}'


def style(key: str, name: str, more: str = "") -> str:
    return f'<w:style w:styleId="{key}"><w:name w:val="{name}"/>{more}</w:style>'


@pytest.mark.parametrize(
    ("kind", "text", "start", "expected"),
    [
        ("decimal", "%1.", 1, ["1. a", "2. b"]), ("decimal", "§ %1", 9, ["§ 9 a", "§ 10 b"]),
        ("lowerLetter", "(%1)", 26, ["(z) a", "(aa) b"]), ("upperLetter", "%1)", 1, ["A) a", "B) b"]),
        ("lowerRoman", "%1.", 4, ["iv. a", "v. b"]), ("upperRoman", "Art. %1", 9, ["Art. IX a", "Art. X b"]),
        ("decimalZero", "%1", 9, ["09 a", "10 b"]), ("bullet", "\uf0b7", 1, ["a", "b"]), ("none", "", 1, ["a", "b"]),
    ],
)  # fmt: skip
def test_an_item_begins_with_the_number_that_word_shows(kind: str, text: str, start: int, expected: list[str]) -> None:
    found = docx(p("a", "1") + p("b", "1"), numbering=numbering(level(0, kind, text, start)))
    assert seen(found) == [("item", words) for words in expected]


def test_levels_are_lists_in_one_another_and_restart_below_a_higher_one() -> None:
    levels = level(0, "decimal", "%1."), level(1, "decimal", "%1.%2"), level(2, "lowerLetter", "(%3)")
    body = "".join(p(words, "1", depth) for words, depth in zip("ABCDEF", (0, 1, 2, 2, 0, 1), strict=True))
    found = docx(body, numbering=numbering(*levels))
    assert found.text.split("\n") == ["1. A", "1.1 B", "(a) C", "(b) D", "2. E", "2.1 F"]
    assert [block.level for block in found.blocks] == [0, 1, 2, 2, 0, 1]
    assert all(block.kind == "item" and block.opens and block.list for block in found.blocks)


def test_legal_numbering_is_decimal_throughout() -> None:
    levels = level(0, "upperRoman", "Article %1"), level(1, "decimal", "%1.%2", more="<w:isLgl/>")
    found = docx(p("A", "1") + p("B", "1", 1), numbering=numbering(*levels))
    assert found.text == "Article I A\n1.1 B"


def test_two_numbers_of_one_list_count_together_unless_one_begins_anew() -> None:
    body = p("A", "1") + p("B", "2") + p("C", "2")
    assert docx(body, numbering=numbering(level(0, "decimal", "%1."))).text == "1. A\n2. B\n3. C"
    anew = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'
    assert docx(body, numbering=numbering(level(0, "decimal", "%1."), second=anew)).text == "1. A\n5. B\n6. C"


@pytest.mark.parametrize("by_level", [True, False], ids=["by the list's level", "by the style"])
def test_headings_and_clauses_have_the_numbers_of_their_styles(by_level: bool) -> None:
    keys = ("One", "Two", "Clause")
    kinds = (("decimal", "%1."), ("decimal", "%1.%2"), ("lowerLetter", "(%3)"))
    levels = [level(n, *kind, more=f'<w:pStyle w:val="{keys[n]}"/>' * by_level) for n, kind in enumerate(kinds)]
    own = [f'<w:pPr><w:numPr><w:ilvl w:val="{n}"/><w:numId w:val="1"/></w:numPr></w:pPr>' for n in range(3)]
    own = ["", "", ""] if by_level else own
    names = zip(keys, ("heading 1", "heading 2", "Clause text"), own, strict=True)
    styles = "".join(style(*one) for one in names)
    styles += style("Derived", "heading 2 own", '<w:basedOn w:val="Two"/>')
    body = p("Term", style="One") + p("Length", style="Two") + p("By the tenant", style="Clause")
    body += p("Rent", style="One") + p("Sum", style="Derived") + p("Annex", "0", style="One")
    found = docx(body, numbering=numbering(*levels), styles=styles)
    assert seen(found) == [
        ("heading", "1. Term"), ("heading", "1.1 Length"), ("item", "(a) By the tenant"),
        ("heading", "2. Rent"), ("heading", "2.1 Sum"), ("heading", "Annex"),
    ]  # fmt: skip
    assert [block.level for block in found.blocks if block.kind == "heading"] == [1, 2, 1, 2, 1]


def test_an_empty_paragraph_is_counted_and_a_deleted_one_is_not() -> None:
    body = (
        p("A", "1")
        + p("", "1")
        + p("B", "1")
        + p("<w:del/>", "1", mark="<w:del/>")
        + p("", "1", mark="<w:vanish/>")
        + p("C", "1")
    )
    assert docx(body, numbering=numbering(level(0, "decimal", "%1."))).text == "1. A\n3. B\n4. C"


def tc(text: str, wide: int = 1, merged: str = "") -> str:
    merged = f"<w:vMerge{merged}/>" if merged else ""
    inner = text if text.startswith("<w:p>") else p(text)
    return f'<w:tc><w:tcPr><w:gridSpan w:val="{wide}"/>{merged}</w:tcPr>{inner}</w:tc>'


def table(*rows: list[str], header: int = 0, properties: str = "") -> str:
    lines = "".join(
        f"<w:tr><w:trPr>{'<w:tblHeader/>' * (n < header)}</w:trPr>"
        f"{''.join(cell if cell.startswith('<w:tc>') else tc(cell) for cell in row)}</w:tr>"
        for n, row in enumerate(rows)
    )
    return f"<w:tbl><w:tblPr>{properties}</w:tblPr>{lines}</w:tbl>"


FORM = (["Name", "Ann Field"], ["Room", "Tower"], ["Phone", "none"])
LOOK = '<w:tblStyle w:val="T"/><w:tblLook w:val="04A0" w:firstRow="1"/>'
FIRST = '<w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr></w:tblStylePr>'


@pytest.mark.parametrize(
    ("styles", "rows", "header", "has_names"),
    [
        ("", FORM, 0, False), ("", FORM, 1, True), (style("T", "Table Grid", FIRST), FORM, 0, False),
        (style("T", "Light List"), FORM, 0, False), (style("T", "Light List", FIRST), FORM, 0, True),
        (style("T", "Own", '<w:basedOn w:val="B"/>') + style("B", "Light List", FIRST), FORM, 0, True),
        ("", ([p(r("Name", "<w:b/>")), p(r("Who", "<w:b/>"))], *FORM[1:]), 0, True),
        ("", ([p(r("Name", "<w:b/>")), "Ann"], *FORM[1:]), 0, False),
    ],
)  # fmt: skip
def test_a_form_has_no_names_and_a_table_has_them_where_word_shows_them(
    styles: str, rows: tuple[list[str], ...], header: int, has_names: bool
) -> None:
    found = cells(docx(table(*rows, header=header, properties=LOOK), styles=styles))
    assert len(found) == (2 if has_names else 3)
    assert found[-2] == ([("Name", "Room"), found[-2][1]] if has_names else [("Room", "Tower")])


def test_rows_of_names_are_joined_and_merged_cells_repeated_downwards_alone() -> None:
    restart, on = ' w:val="restart"', " "
    found = docx(
        table(
            [tc("Branch", 1, restart), tc("2024", 2)], [tc("", 1, on), "Units", "Costs"],
            [tc("Lyon", 1, restart), "12", "50"], [tc("", 1, on), tc("none", 2)],
            header=2,
        )
    )  # fmt: skip
    assert cells(found) == [
        [("Branch", "Lyon"), ("2024 Units", "12"), ("2024 Costs", "50")],
        [("Branch", "Lyon"), ("2024 Units", "none")],
    ]


def test_a_row_of_one_cell_for_all_columns_is_a_paragraph_between_rows_with_names() -> None:
    rows = ["Item", "Shelf"], [tc("Tools", 2)], ["Saw", "B4"], [tc("Paint", 2)], ["Primer", "D1"]
    expected = [("paragraph", "Tools"), ("row", "Item: Saw; Shelf: B4")]
    expected += [("paragraph", "Paint"), ("row", "Item: Primer; Shelf: D1")]
    assert seen(docx(table(*rows, header=1))) == expected
    titled = seen(docx(table([tc("Stock", 2)], *rows, header=2)))
    assert titled == [("paragraph", "Stock"), *expected]
    form = seen(docx(table([tc("Guest", 2)], *FORM)))
    assert form[:2] == [("paragraph", "Guest"), ("row", "Name: Ann Field")]


def test_a_table_in_a_cell_keeps_its_words() -> None:
    inner = f"<w:p>{r('Fees:')}</w:p>" + table(["Punt", "2 euros"], ["Yawl", "6 euros"])
    (row, _) = cells(docx(table(["Boats", inner], ["Berths", "40"])))
    assert row == [("Boats", "Fees: Punt: 2 euros Yawl: 6 euros")]


def m(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def e(text: str, tag: str = "e") -> str:
    return f"<m:{tag}>{text if text.startswith('<') else m(text)}</m:{tag}>"


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (f"<m:f>{e('12', 'num')}{e('5', 'den')}</m:f>", "12/5"),
        (f"<m:f>{e('a+b', 'num')}{e('c', 'den')}</m:f>", "(a+b)/c"),
        (f"<m:sSup>{e('10')}{e('3', 'sup')}</m:sSup>", "10³"), (f"<m:sSup>{e('x')}{e('k', 'sup')}</m:sSup>", "x^k"),
        (f"<m:sSup>{e('a+b')}{e('2', 'sup')}</m:sSup>", "(a+b)²"),
        (f"<m:sSub>{e('x')}{e('1', 'sub')}</m:sSub>", "x₁"), (f"<m:sSub>{e('v')}{e('max', 'sub')}</m:sSub>", "v_max"),
        (f"<m:sSubSup>{e('x')}{e('1', 'sub')}{e('2', 'sup')}</m:sSubSup>", "x₁²"),
        (f"<m:rad><m:deg/>{e('x+1')}</m:rad>", "√(x+1)"), (f"<m:rad>{e('3', 'deg')}{e('x')}</m:rad>", "³√(x)"),
        (f"<m:d>{e('a')}{e('b')}</m:d>", "(a, b)"),
        (f"<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=''/></m:dPr>{e('a')}</m:d>", "[a"),
        (f"<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr>{e('i=1', 'sub')}{e('n', 'sup')}{e('i')}</m:nary>",
         "∑_(i=1)ⁿ i"),
        (f"<m:nary>{e('0', 'sub')}{e('1', 'sup')}{e('x')}</m:nary>", "∫₀¹ x"),
        (f"<m:func>{e('sin', 'fName')}{e('x')}</m:func>", "sin x"),
        (f"<m:limLow>{e('lim')}{e('x→0', 'lim')}</m:limLow>", "lim_(x→0)"),
        (f"<m:m><m:mr>{e('1')}{e('2')}</m:mr><m:mr>{e('3')}{e('4')}</m:mr></m:m>", "1 2; 3 4"),
        (f"<m:eqArr>{e('a=1')}{e('b=2')}</m:eqArr>", "a=1; b=2"), (f"{m('a')}<w:del>{m('b')}</w:del>", "a"),
    ],
)  # fmt: skip
def test_a_formula_reads_as_one_writes_it_on_a_line(formula: str, words: str) -> None:
    assert docx(f"<w:p>{r('It is ')}<m:oMath>{formula}</m:oMath>{r('.')}</w:p>").text == f"It is {words}."
    slide = f"<a14:m><m:oMath>{formula.replace('w:', 'a:')}</m:oMath></a14:m>"
    assert pptx(shape(f"<a:r><a:t>It is </a:t></a:r>{slide}")).text == f"Slide 1\n\nIt is {words}"


def test_brackets_deep_inside_one_another_take_no_time() -> None:
    began = time.monotonic()
    docx(f"<w:p>{r('It is ')}<m:oMath>{'<m:d><m:e>' * 300}{'</m:e></m:d>' * 300}</m:oMath></w:p>")
    assert time.monotonic() - began < 2


UP, DOWN = '<w:vertAlign w:val="superscript"/>', '<w:vertAlign w:val="subscript"/>'
STYLES = style("Up", "up", f"<w:rPr>{UP}</w:rPr>") + style("Hidden", "hidden", "<w:rPr><w:vanish/></w:rPr>")


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (r("10") + r("6", UP), "10⁶"), (r("H") + r("2", DOWN) + r("O"), "H₂O"), (r("19") + r("th", UP), "19th"),
        (r("10") + r("6", '<w:rStyle w:val="Up"/>'), "10⁶"),
        (r("10") + r("6", f'<w:rStyle w:val="Up"/>{UP.replace("superscript", "baseline")}'), "106"),
        (r("seen") + r(" not", "<w:vanish/>"), "seen"), (r("seen") + r(" not", '<w:rStyle w:val="Hidden"/>'), "seen"),
        (r("seen", '<w:vanish w:val="0"/>'), "seen"),
        (f"<w:del>{r('old').replace('w:t>', 'w:delText>')}</w:del><w:ins>{r('new')}</w:ins>", "new"),
        (f"<w:moveFrom>{r('old')}</w:moveFrom><w:moveTo>{r('new')}</w:moveTo>", "new"),
        (f"{r('は')}<w:r><w:ruby><w:rt>{r('としょかん')}</w:rt><w:rubyBase>{r('図書館')}</w:rubyBase></w:ruby></w:r>",
         "は図書館"),
        (f"<w:r><w:t>20 </w:t><w:sym w:font='Symbol' w:char='F0B1'/></w:r>{r(' 5')}", "20 ± 5"),
        ("<w:r><w:sym w:font='Symbol' w:char='F0B0'/><w:sym w:font='Symbol' w:char='F057'/></w:r>", "°Ω"),
        ("<w:r><w:sym w:font='Wingdings' w:char='F0FE'/><w:t> paid</w:t></w:r>", "☑ paid"),
        ("<w:r><w:sym w:font='Arial' w:char='00B5'/><w:t>m</w:t></w:r>", "µm"),
        (f"<w:sdt><w:sdtPr><w14:checkbox/></w:sdtPr><w:sdtContent>{r('☒')}</w:sdtContent></w:sdt>{r(' paid')}",
         "☒ paid"),
        ("<w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:checkBox><w:default w:val='0'/></w:checkBox></w:ffData>"
         "</w:fldChar><w:instrText>FORMCHECKBOX</w:instrText><w:fldChar w:fldCharType='end'/></w:r>" + r(" due"),
         "☐ due"),
        ("<w:r><w:t>non</w:t><w:noBreakHyphen/><w:t>stop</w:t></w:r>", "non-stop"),
        ("<mc:AlternateContent><mc:Choice>" + r("one") + "</mc:Choice><mc:Fallback>" + r("two")
         + "</mc:Fallback></mc:AlternateContent>", "one"),
    ],
)  # fmt: skip
def test_characters_are_those_that_word_shows(inner: str, words: str) -> None:
    assert docx(f"<w:p>{inner}</w:p>", styles=STYLES).text == words


def field(code: str, words: str) -> str:
    middle = f"<w:instrText>{code[:5]}</w:instrText></w:r><w:r><w:instrText>{code[5:]}</w:instrText>"
    parts = "<w:fldChar w:fldCharType='begin'/>", middle, "<w:fldChar w:fldCharType='separate'/>"
    return (
        "".join(f"<w:r>{part}</w:r>" for part in parts)
        + (words if words.startswith("<") else r(words))
        + "<w:r><w:fldChar w:fldCharType='end'/></w:r>"
    )


@pytest.mark.parametrize(
    ("inner", "target"),
    [
        (f'<w:hyperlink r:id="web">{r("the fees")}</w:hyperlink>', WEB),
        (f'<w:hyperlink r:id="web" w:anchor="boats">{r("the fees")}</w:hyperlink>', f"{WEB}#boats"),
        (f'<w:hyperlink w:anchor="boats">{r("the fees")}</w:hyperlink>', None),
        (field(f' HYPERLINK "{WEB}" \\o "tip" ', "the fees"), WEB), (field(f"HYPERLINK {WEB}", "the fees"), WEB),
        (field(' HYPERLINK \\l "boats"', "the fees"), None), (field(" PAGEREF boats", "the fees"), None),
        (field(' HYPERLINK "javascript:x"', "the fees"), None), (field(' HYPERLINK "file:///x"', "the fees"), None),
        (f"<w:fldSimple w:instr=' HYPERLINK \"mailto:ann@elm.example\"'>{r('the fees')}</w:fldSimple>",
         "mailto:ann@elm.example"),
        (field(" HYPERLINK x", field(f' HYPERLINK "{WEB}"', "the fees")), WEB),
        (r("\ufdd0javascript:x\ufdd1the fees\ufdd2"), None), (r("&#xFDD0;file:///x&#xFDD1;the fees"), None),
    ],
)  # fmt: skip
def test_links_stand_at_their_words_and_lead_to_the_web_alone(inner: str, target: str | None) -> None:
    found = docx(f"<w:p>{r('See ')}{inner}{r('.')}</w:p>")
    assert found.text.startswith("See ")
    assert "the fees" in found.text
    assert links(found) == ([("the fees", target)] if target else [])


def test_a_title_with_a_link_is_its_words_alone() -> None:
    words = f'<w:hyperlink r:id="web">{r("Fees")}</w:hyperlink>'
    for name in ("Title", "heading 1"):
        found = docx(p(words, style="T"), styles=style("T", name))
        assert (found.title, links(found)) == ("Fees", [("Fees", WEB)])


def test_notes_and_captions_are_told_and_their_marks_are_no_words() -> None:
    note, marked = "<w:footnoteReference w:id='2'/>", "<w:footnoteReference w:id='2' w:customMarkFollows='1'/>"
    body = f"<w:p>{r('It is due')}<w:r>{note}</w:r>{r('.')}<w:r>{marked}<w:t>*</w:t></w:r></w:p>"
    body += p("Table 1. Fees", style="C") + p("Next", style="H") + p("More.")
    footnotes = f"<w:footnote w:id='2'>{p('Not in May.')}</w:footnote><w:footnote w:id='3'>{p('Unused.')}</w:footnote>"
    found = docx(body, footnotes=footnotes, styles=style("C", "caption") + style("H", "heading 2"))
    expected = [("paragraph", "It is due."), ("caption", "Table 1. Fees"), ("note", "Not in May.")]
    assert seen(found) == [*expected, ("heading", "Next"), ("paragraph", "More.")]


def test_files_that_others_put_in_stand_where_they_are() -> None:
    body = p("Before.") + '<w:altChunk r:id="chunk"/>' + p("Between.") + '<w:altChunk r:id="inner"/>' + p("After.")
    body += '<w:altChunk r:id="web"/>' + '<w:altChunk r:id="chunk"/>' * 9  # once is enough
    found = docx(body, chunk="<h2>Annex</h2><p>It is <b>blue</b>.", inner=p("It is red."))
    assert seen(found) == [
        ("paragraph", "Before."), ("heading", "Annex"), ("paragraph", "It is blue."), ("paragraph", "Between."),
        ("paragraph", "It is red."), ("paragraph", "After."),
    ]  # fmt: skip


# Presentations


def frame(x: int, y: int, wide: int = 1000, high: int = 1000) -> str:
    return f'<a:xfrm><a:off x="{x}" y="{y}"/><a:ext cx="{wide}" cy="{high}"/></a:xfrm>'


def shape(words: str, place: str = "", kind: str = "", more: str = "") -> str:
    inner = words if words.startswith("<") else f"<a:r><a:t>{words}</a:t></a:r>"
    head = f"<p:nvSpPr><p:cNvPr {more}/><p:nvPr>{kind and f'<p:ph {kind}/>'}</p:nvPr></p:nvSpPr>"
    return f"<p:sp>{head}<p:spPr>{place}</p:spPr><p:txBody><a:p>{inner}</a:p></p:txBody></p:sp>"


def pptx(tree: str, layout: str = "", master: str = "", chart: str = "", **more: str) -> Converted:
    def part(tag: str, inner: str) -> str:
        return f"<p:{tag} {NAMES}><p:cSld><p:spTree>{inner}</p:spTree></p:cSld></p:{tag}>"

    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": TYPES,
        "ppt/presentation.xml": f'<p:presentation {NAMES}><p:sldId id="9" r:id="a"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relations(("a", "slide", "slides/slide1.xml")),
        "ppt/slides/slide1.xml": part("sld", tree),
        "ppt/slides/_rels/slide1.xml.rels": linked_to(
            ("l", "slideLayout", "../l.xml"), ("c", "chart", "../c.xml"), ("n", "notesSlide", "../n.xml")
        ),
        "ppt/l.xml": part("sldLayout", layout),
        "ppt/_rels/l.xml.rels": relations(("m", "slideMaster", "m.xml")),
        "ppt/m.xml": part("sldMaster", master),
        "ppt/c.xml": f"<c:chartSpace {NAMES}><c:chart>{chart}</c:chart></c:chartSpace>",
        "ppt/n.xml": part("notes", more.get("notes", "")),
    }
    return convert(zipped(parts), ".pptx")


def group(inner: str, place: str = "") -> str:
    return f"<p:grpSp><p:grpSpPr>{place}</p:grpSpPr>{inner}</p:grpSp>"


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (shape("c", frame(0, 9000)) + shape("a", frame(0, 0)) + shape("b", frame(0, 4000)), "abc"),
        (shape("b", frame(5000, 0)) + shape("a", frame(0, 90)) + shape("c", frame(0, 2000)), "abc"),
        (shape("b", frame(0, 5000)) + shape("a"), "ab"),
        (shape("b", kind='idx="2"') + shape("a", kind='idx="1"'), "ab"),
        (shape("b", frame(0, 2000)) + shape("a", kind='type="body" idx="7"'), "ab"),
        (shape("c", frame(0, 5000)) + group(shape("b", frame(50, 9)) + shape("a", frame(9, 9)), frame(0, 0)), "abc"),
        (shape("a", frame(0, 0)) + group(shape("b", frame(0, 4000))) + shape("c", frame(0, 8000)), "abc"),
        (group(shape("b", frame(0, 4000)), frame(0, 0, 0, 0)) + shape("a", frame(0, 100)), "ab"),
        ("<mc:AlternateContent><mc:Choice>" + shape("b", frame(0, 900)) + "</mc:Choice><mc:Fallback>" + shape("x")
         + "</mc:Fallback></mc:AlternateContent>" + shape("a", frame(0, 0, 9, 9)), "ab"),
        (shape("x", more='hidden="1"') + shape("a"), "a"),
        (shape("Slide 1", frame(0, 9000), 'type="title"') + shape("a", frame(0, 0)), "a"),
    ],
)  # fmt: skip
def test_shapes_are_read_from_the_top_down_and_from_the_left(tree: str, expected: str) -> None:
    layout = shape("", frame(5000, 1000), 'idx="2"') + shape("", "", 'idx="1"')
    found = pptx(tree, layout, shape("", frame(0, 1000), 'type="body" idx="1"'))
    assert found.text.split() == ["Slide", "1", *expected]


@pytest.mark.parametrize(
    ("look", "words"),
    [('baseline="30000"', "10⁶"), ('baseline="-25%"', "10₆"), ('baseline="0"', "106"), ('baseline="--1"', "106")],
)
def test_words_of_a_slide_are_raised_and_lowered(look: str, words: str) -> None:
    found = pptx(shape(f"<a:r><a:t>10</a:t></a:r><a:r><a:rPr {look}/><a:t>6</a:t></a:r>"))
    assert found.text.endswith(f"\n{words}")


def test_links_of_a_slide_stand_at_their_words() -> None:
    found = pptx(
        shape('<a:r><a:rPr><a:hlinkClick r:id="web"/></a:rPr><a:t>Fees</a:t></a:r>', kind='type="ctrTitle"'),
        notes=shape("Said aloud.", kind='type="body"'),
    )
    assert (found.title, links(found)) == ("Fees", [("Fees", WEB)])
    assert seen(found) == [("heading", "Fees"), ("note", "Said aloud.")]


def drawn(kind: str, inner: str) -> str:
    data = f'<a:graphicData uri="u/{kind}">{inner}</a:graphicData>'
    return f"<p:graphicFrame><a:graphic>{data}</a:graphic></p:graphicFrame>"


def test_a_table_on_a_slide_keeps_its_names_below_a_row_that_spans_it() -> None:
    def line(*cells: str, spans: bool = False) -> str:
        on = ["", 'hMerge="1"'] if spans else ["", ""]
        inner = "".join(
            f"<a:tc {a}><a:p><a:r><a:t>{c}</a:t></a:r></a:p></a:tc>" for a, c in zip(on, cells, strict=True)
        )
        return f"<a:tr>{inner}</a:tr>"

    rows = line("Item", "Shelf") + line("Tools", "", spans=True) + line("Saw", "B4")
    found = pptx(drawn("table", f'<a:tbl><a:tblPr firstRow="1"/>{rows}</a:tbl>'))
    assert seen(found)[1:] == [("paragraph", "Tools"), ("row", "Item: Saw; Shelf: B4")]


def points(*values: str) -> str:
    return "".join(f'<c:pt idx="{n}"><c:v>{value}</c:v></c:pt>' for n, value in enumerate(values) if value)


def numbers(tag: str, *values: str, code: str = "") -> str:
    code = f"<c:formatCode>{code}</c:formatCode>" if code else ""
    return f"<c:{tag}><c:numRef><c:numCache>{code}{points(*values)}</c:numCache></c:numRef></c:{tag}>"


LEVELS = f"<c:lvl>{points('Q1', 'Q2', 'Q1')}</c:lvl><c:lvl>{points('2023', '', '2024')}</c:lvl>"


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (numbers("val", "8.200000000000001", code="General"), ["Tons: 8.2"]),
        (numbers("val", "0.30000000000000004"), ["Tons: 0.3"]), (numbers("val", "0.25", code="0%"), ["Tons: 25%"]),
        (numbers("val", "1234.5", code="#,##0.00"), ["Tons: 1,234.50"]),
        (numbers("val", "1e308", code="%" * 400 + "0"), ["Tons: 1e308"]),
        (numbers("xVal", "1", "2") + numbers("yVal", "3", "4"), ["1; Tons: 3", "2; Tons: 4"]),
        (numbers("cat", "45292", code="d/m/yyyy") + numbers("val", "3"), ["2024-01-01; Tons: 3"]),
        (f"<c:cat><c:multiLvlStrRef><c:multiLvlStrCache>{LEVELS}</c:multiLvlStrCache></c:multiLvlStrRef></c:cat>"
         + numbers("val", "3", "4", "5"), ["2023 Q1; Tons: 3", "2023 Q2; Tons: 4", "2024 Q1; Tons: 5"]),
    ],
)  # fmt: skip
def test_numbers_of_a_chart_are_those_that_it_shows(series: str, expected: list[str]) -> None:
    found = pptx(drawn("chart", '<c:chart r:id="c"/>'), chart=f"<c:ser><c:tx><c:v>Tons</c:v></c:tx>{series}</c:ser>")
    assert seen(found)[1:] == [("row", words) for words in expected]


# Workbooks

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
BOLD, FILLED, CODED = "1", "2", "3"  # styles of cells


def c(place: str, text: str, look: str = "0") -> str:
    return f'<c r="{place}" t="inlineStr" s="{look}"><is><t>{text}</t></is></c>' if text else ""


def line(number: int, *texts: str, look: str = "0", more: str = "") -> str:
    inner = "".join(c(f"{chr(65 + n)}{number}", text, look) for n, text in enumerate(texts))
    return f'<row r="{number}" {more}>{inner}</row>'


def styles(*codes: str) -> str:
    formats = "".join(f'<numFmt numFmtId="{200 + n}" formatCode="{code}"/>' for n, code in enumerate(codes))
    looks = '<xf fontId="0"/><xf fontId="1"/><xf fillId="2"/>'
    looks += "".join(f'<xf numFmtId="{200 + n}"/>' for n in range(len(codes)))
    fonts = '<fonts><font/><font><b/></font><font><b val="0"/></font></fonts>'
    solid = (
        '<fills><fill/><fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"/></fill>'
    )
    return f"<numFmts>{formats}</numFmts>{fonts}{solid}</fills><cellXfs>{looks}</cellXfs>"


def xlsx(rows: str, more: str = "", before: str = "", code: str = "", **parts: str) -> Converted:
    return convert(zipped(book(rows, more, before, code) | parts), ".xlsx")


def book(rows: str, more: str = "", before: str = "", code: str = "", main: str = MAIN) -> dict[str, str | bytes]:
    name = f'xmlns="{main}" xmlns:r="r"'
    return {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": relations(("b", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook {name}><sheets><sheet name="Ports" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            ("a", "worksheet", "/xl/worksheets/sheet1.xml"), ("s", "styles", "styles.xml"),
            ("t", "sharedStrings", "texts.xml"),
        ),
        "xl/styles.xml": f"<styleSheet {name}>{styles(code)}</styleSheet>",
        "xl/texts.xml": f"<sst {name}><si><r><t>Kyo</t></r><r><t>to</t></r><rPh><t>きょうと</t></rPh></si></sst>",
        "xl/worksheets/sheet1.xml": f"<worksheet {name}>{before}<sheetData>{rows}</sheetData>{more}</worksheet>",
        "xl/worksheets/_rels/sheet1.xml.rels": linked_to(("t", "table", "../tables/table1.xml")),
    }  # fmt: skip


BOATS = line(2, "Punt", "Ann") + line(3, "Yawl", "Ben")
TWO = line(1, "Branch", "2023", "", "2024") + line(2, "", "Units", "Costs", "Units", "Costs")


@pytest.mark.parametrize(
    ("rows", "more", "has_names"),
    [
        (line(1, "Boat", "Owner") + BOATS, "", False), (line(1, "Boat", "Owner", look=BOLD) + BOATS, "", True),
        (line(1, "Boat", "Owner", look=FILLED) + BOATS, "", True),
        (line(1, "Boat", "Owner", look=BOLD) + BOATS.replace('s="0"', 's="1"'), "", False),
        (line(1, "Boat", "Owner", look=BOLD) + BOATS + line(4, "All", "both", look=BOLD), "", True),
        (line(1, "Boat", "Owner") + BOATS, '<autoFilter ref="A1:B3"/>', True),
        (line(1, "Boat", "Owner") + BOATS, '<sheetViews><pane ySplit="1" state="frozen"/></sheetViews>', True),
    ],
)  # fmt: skip
def test_a_first_row_names_columns_where_the_workbook_shows_that(rows: str, more: str, has_names: bool) -> None:
    found = cells(xlsx(rows, more))
    assert (found[0] == [("Boat", "Punt"), ("Owner", "Ann")]) == has_names
    assert has_names or found[0] == [("Boat", "Owner")]


@pytest.mark.parametrize(("count", "has_names"), [("", True), ('headerRowCount="0"', False)])
def test_a_table_of_the_file_says_whether_it_has_names(count: str, has_names: bool) -> None:
    rows = line(1, "Ports of Elm", "in May") + line(2, "Boat", "Owner")
    rows += line(3, "Punt", "Ann") + line(4, "Yawl", "Ben")
    found = xlsx(rows, **{"xl/tables/table1.xml": f'<table ref="A2:B4" {count}/>'})
    assert ("Boat: Punt; Owner: Ann" in found.text) == has_names
    assert "Ports of Elm: in May" in found.text


@pytest.mark.parametrize(
    ("rows", "more"),
    [
        (TWO + line(3, "Lyon", "12", "50", "14", "61"), ""),
        (TWO + line(3, "Lyon", "12", "50", "14", "61"), '<mergeCell ref="A1:A2"/><mergeCell ref="B1:C1"/>'
         '<mergeCell ref="D1:E1"/>'),
        (TWO + line(3, "Lyon", "12", "50", "14", "61"), '<autoFilter ref="A2:E3"/>'),
        (TWO + line(3, "Lyon", "12", "50", "14", "61"), '<mergeCell ref="B1:C1"/><mergeCell ref="D1:E1"/>'
         '<autoFilter ref="A2:E3"/>'),
        (line(1, "Branch", "Units", "", "Costs") + line(2, "", "2023", "2024", "2023", "2024")
         + line(3, "Lyon", "12", "14", "50", "61"), '<mergeCell ref="B1:C1"/><mergeCell ref="D1:E1"/>'),
    ],
)  # fmt: skip
def test_names_on_two_rows_are_joined(rows: str, more: str) -> None:
    (row,) = cells(xlsx(rows, more))
    names = {" ".join(sorted(name.split())) for name, _ in row}
    assert names == {"Branch", "2023 Units", "2023 Costs", "2024 Units", "2024 Costs"}
    assert row[0] == ("Branch", "Lyon")
    assert {" ".join(sorted(name.split())): words for name, words in row}["2024 Costs"] == "61"


def test_a_column_that_the_upper_row_alone_names_keeps_that_name() -> None:
    rows = line(1, "Branch", "2023", "", "All") + line(2, "", "Units", "Costs", "") + line(3, "Lyon", "12", "50", "62")
    (row,) = cells(xlsx(rows, '<mergeCell ref="B1:C1"/>'))
    assert row == [("Branch", "Lyon"), ("2023 Units", "12"), ("2023 Costs", "50"), ("All", "62")]


def test_lines_above_and_groups_between_are_paragraphs_and_names_go_on() -> None:
    rows = line(1, "Stock of May") + line(2, "Item", "Shelf", "Pieces") + line(3, "Tools") + line(4, "Saw", "B4", "17")
    rows += line(5, "Paint") + line(6, "Primer", "D1", "44") + line(8, "End.")
    found = xlsx(rows, '<mergeCell ref="A5:C5"/>')
    assert seen(found) == [
        ("heading", "Ports"), ("paragraph", "Stock of May"), ("paragraph", "Tools"),
        ("row", "Item: Saw; Shelf: B4; Pieces: 17"), ("paragraph", "Paint"),
        ("row", "Item: Primer; Shelf: D1; Pieces: 44"), ("paragraph", "End."),
    ]  # fmt: skip
    assert found.blocks[0].level == 1


def test_merged_cells_are_repeated_downwards_and_not_across() -> None:
    rows = line(1, "Port", "Year", "Tons") + line(2, "Hull", "1912", "4") + line(3, "", "1913", "5")
    rows += line(4, "Leith", "none")
    found = xlsx(rows, '<mergeCell ref="A2:A3"/><mergeCell ref="B4:C4"/><autoFilter ref="A1:C4"/>')
    assert cells(found)[1:] == [
        [("Port", "Hull"), ("Year", "1913"), ("Tons", "5")],
        [("Port", "Leith"), ("Year", "none")],
    ]


def test_what_is_hidden_is_left_out() -> None:
    rows = line(1, "Boat", "Secret", "Fee") + line(2, "Punt", "x", "2")
    rows += line(3, "Not", "x", "1", more='hidden="1"') + line(4, "Yawl", "x", "6")
    found = xlsx(rows, before='<cols><col min="2" max="2" hidden="1"/></cols>')
    assert found.text == "Ports\n\nBoat: Punt; Fee: 2\nBoat: Yawl; Fee: 6"
    parts = book(rows)
    parts["xl/workbook.xml"] = str(parts["xl/workbook.xml"]).replace("<sheet ", '<sheet state="veryHidden" ')
    with pytest.raises(CorpusError, match="empty"):
        convert(zipped(parts), ".xlsx")


@pytest.mark.parametrize(
    ("code", "raw", "words"),
    [
        ("00000", "1234", "01234"), ("0%", "0.3333333333333333", "33%"), ("0.00", "2.5", "2.50"),
        ("#,##0.00", "1234567.5", "1,234,567.50"), ("#,##0.00 [$€-407]", "12.5", "12.50 €"),
        ("&quot;$&quot;0.00", "3.5", "$3.50"), ("0.00E+00", "12345", "1.23E+04"), ("dd.mm.yyyy", "45294", "2024-01-03"),
        ("yyyy-mm-dd hh:mm", "45294.4375", "2024-01-03 10:30"), ("hh:mm", "0.4375", "10:30"), ("@", "0042", "0042"),
        ("General", "0.30000000000000004", "0.3"), ("General", "1234567890123456", "1234567890123456"),
        ("General", "-0.5", "-0.5"),
    ],
)  # fmt: skip
def test_values_are_shown_as_the_program_shows_them(code: str, raw: str, words: str) -> None:
    found = xlsx(f'<row r="1">{c("A1", "Value")}<c r="B1" s="{CODED}"><v>{raw}</v></c></row>', code=code)
    assert found.text == f"Ports\n\nValue: {words}"


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('<c r="B1" t="s"><v>0</v></c>', "Kyoto"),
        ('<c r="B1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="B1" t="str"><f>A1</f><v>a_x000D_\nb</v></c>', "a b"),
        ('<c r="B1" t="d"><v>2024-01-03T00:00:00</v></c>', "2024-01-03"),
        ('<c r="B1" t="d"><v>2024-01-03T10:30:00.000Z</v></c>', "2024-01-03 10:30"),
        ('<c r="B1" t="inlineStr"><is><r><t>Kyo</t></r><r><t>to</t></r><rPh><t>x</t></rPh></is></c>', "Kyoto"),
        ('<c t="inlineStr"><is><t>no place</t></is></c>', "no place"),
    ],
)
def test_cells_of_every_kind_are_read(cell: str, words: str) -> None:
    assert xlsx(f'<row r="1">{c("A1", "Value")}{cell}</row>').text == f"Ports\n\nValue: {words}"


def test_errors_are_no_values_and_dates_can_count_from_1904() -> None:
    row = f'<row r="1">{c("A1", "Day")}<c r="B1" s="3"><v>1</v></c><c r="C1" t="e"><v>#N/A</v></c></row>'
    parts = book(row, code="d/m/yy")
    parts["xl/workbook.xml"] = str(parts["xl/workbook.xml"]).replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    assert convert(zipped(parts), ".xlsx").text == "Ports\n\nDay: 1904-01-02"


@pytest.mark.parametrize("kind", ["strict", "no styles", "upper case", "backslashes", "absolute", "damaged styles"])
def test_workbooks_that_others_refuse_are_read(kind: str) -> None:
    row = line(1, "Boat", "Fee") + '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2"><v>6</v></c></row>'
    row += line(3, "Elm", "2")
    parts = book(row, main="http://purl.oclc.org/ooxml/spreadsheetml/main" if kind == "strict" else MAIN)
    if kind == "strict":
        old, new = "schemas.openxmlformats.org/officeDocument/2006", "purl.oclc.org/ooxml/officeDocument"
        parts = {name: str(part).replace(old, new) for name, part in parts.items()}
    if kind == "no styles":
        del parts["xl/styles.xml"]
    if kind == "damaged styles":
        parts["xl/styles.xml"] = "<styleSheet>"
    if kind == "upper case":
        parts = {name.replace("sheet1", "Sheet1").replace("xl/", "XL/"): part for name, part in parts.items()}
    if kind == "backslashes":
        parts = {name.replace("xl/", "xl\\"): str(part).replace("xl/work", "xl\\work") for name, part in parts.items()}
    if kind == "absolute":
        parts = {name: str(part).replace('Target="', 'Target="/xl/') for name, part in parts.items()}
        parts = {name: str(part).replace("/xl//xl/", "/xl/").replace("/xl/xl/", "/xl/") for name, part in parts.items()}
    assert convert(zipped(parts), ".xlsx").text == "Ports\n\nBoat: Kyoto; Fee: 6\nBoat: Elm; Fee: 2"


def test_links_of_cells_stand_at_their_words_and_lead_to_the_web_alone() -> None:
    made = '<c r="B1" t="str"><f>HYPERLINK("https://e.example/x","here")</f><v>here</v></c>'
    made += '<c r="C1" t="str"><f>HYPERLINK("javascript:x","there")</f><v>there</v></c>'
    spoof = c("D1", "\ufdd0javascript:x\ufdd1words")
    rows = f'<row r="1">{c("A1", "Fees")}{made}{spoof}</row>'
    found = xlsx(rows, '<hyperlinks><hyperlink ref="A1" r:id="web"/></hyperlinks>')
    assert links(found) == [("Fees", WEB), ("here", "https://e.example/x")]
    assert found.text.startswith("Ports\n\nFees; here; there; ")


@pytest.mark.slow
def test_eighty_thousand_cells_take_two_seconds_at_most() -> None:
    row = "".join(f'<c r="{chr(65 + n)}ROW"><v>{n}</v></c>' for n in range(20))
    rows = "".join(f'<row r="{n}">{row.replace("ROW", str(n))}</row>' for n in range(1, 4001))
    data = zipped(book(rows))
    began = time.monotonic()
    assert convert(data, ".xlsx").text.count("\n") == 4001
    assert time.monotonic() - began < 2 * 2  # beside other work


def test_a_sheet_that_is_wide_and_long_and_empty_is_refused() -> None:
    places = [f"{chr(65 + n // 676)}{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}{n + 1}" for n in range(5000)]
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>1</v></c>{c(place, "x")}</row>' for n, place in enumerate(places, 1))
    with pytest.raises(CorpusError, match=r"^too large: "):
        xlsx(rows)


# All of them


@pytest.mark.parametrize(
    "title",
    [
        "Microsoft Word - x.doc", "Microsoft Word - Dokument1", "PowerPoint Presentation", "PowerPoint-Präsentation",
        "Présentation PowerPoint", "Untitled", "Untitled-1", "Document 3", "Dokument1", "Book1", "Slide 1", "Mappe2",
        "report_final.docx", "Fees of 2024.xlsx", "My report (2).docx", "C:\\Users\\ann\\x.doc", "12", "–",
    ],
)  # fmt: skip
def test_what_a_program_wrote_is_no_title(title: str) -> None:
    assert NO_TITLES.fullmatch(title)
    data = zipped(docx_parts() | {"docProps/core.xml": CORE.replace("The coal trade", title)})
    assert convert(data, ".docx").title == "The coal trade"  # the document's own


@pytest.mark.parametrize("title", ["The coal trade", "Reading a PDF", "Presentation of the budget", "Booking", "No. 7"])
def test_what_a_person_wrote_is_a_title(title: str) -> None:
    assert not NO_TITLES.fullmatch(title)


def test_damaged_parts_are_one_line_of_reason() -> None:
    chance = random.Random(zlib.crc32(b"office"))
    deep = "<m:f><m:num>" * 60
    body = (
        p("A", "1") + table(["a", tc("b", 2)], ["c"]) + f"<w:p><m:oMath>{deep}{'</m:num></m:f>' * 60}</m:oMath></w:p>"
    )
    document = f"<w:document {NAMES}><w:body>{body}{field('HYPERLINK x', 'y')}</w:body></w:document>"
    sheet = line(1, "Branch", "2023", "") + line(2, "", "a", "b") + line(3, "Lyon", "1", "2")
    files: dict[str, dict[str, str | bytes]] = {
        ".docx": docx_parts() | {"word/document.xml": document}, ".pptx": pptx_parts(),
        ".xlsx": book(sheet, '<mergeCell ref="B1:C1"/><autoFilter ref="A2:C3"/>', code="0.0"),
    }  # fmt: skip
    for suffix, parts in files.items():
        for _ in range(150):
            name = chance.choice(list(parts))
            content = bytearray(str(parts[name]), "utf-8")
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(content))
                content[at : at + chance.randint(0, 3)] = chance.choice(
                    (b"9", b"-", b"99999999999999", b"\xc2\xb2", b">")
                )
            try:
                convert(zipped(parts | {name: bytes(content)}), suffix)
            except CorpusError as error:
                assert str(error).startswith(("damaged: ", "empty", "too large: "))
                assert "\n" not in str(error)


@pytest.mark.parametrize("number", ["9" * 5000, "-", "--5", "²", "٣", ""])
def test_numbers_that_are_none_are_no_end(number: str) -> None:
    chart = numbers("val", "3").replace('idx="0"', f'idx="{number}"')
    slide = shape("a", frame(0, 0)).replace('x="0"', f'x="{number}"').replace("<a:p>", f'<a:p><a:pPr lvl="{number}"/>')
    pptx(slide + drawn("chart", '<c:chart r:id="c"/>'), chart=f"<c:ser>{chart}</c:ser>")
    text = styles("0").replace('fontId="1"', f'fontId="{number}"').replace('numFmtId="200"', f'numFmtId="{number}"')
    xlsx(line(1, "a", "b"), **{"xl/styles.xml": f"<styleSheet>{text}</styleSheet>"})
    docx(table([tc("a", 2).replace('"2"', f'"{number}"'), "b"]) + p("c", number, 0))


def test_one_number_of_a_list_can_have_levels_of_its_own() -> None:
    own = f'<w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)")}</w:lvlOverride>'
    found = docx(p("A", "1") + p("B", "2"), numbering=numbering(level(0, "decimal", "%1."), second=own))
    assert found.text == "1. A\nB) B"


def test_a_list_can_take_its_levels_from_a_style() -> None:
    linked = '<w:abstractNum w:abstractNumId="8"><w:numStyleLink w:val="S"/></w:abstractNum>'
    linked += '<w:num w:numId="3"><w:abstractNumId w:val="8"/></w:num>'
    levels = numbering(level(0, "decimal", "%1)")).replace("<w:lvl ", '<w:styleLink w:val="S"/><w:lvl ', 1)
    assert docx(p("A", "3") + p("B", "3"), numbering=levels + linked).text == "1) A\n2) B"


def test_a_level_can_go_on_below_a_higher_one() -> None:
    levels = (
        level(0, "decimal", "%1."),
        level(1, "decimal", "%2)").replace("</w:lvl>", '<w:lvlRestart w:val="0"/></w:lvl>'),
    )
    body = "".join(p(words, "1", depth) for words, depth in zip("ABCD", (0, 1, 0, 1), strict=True))
    assert docx(body, numbering=numbering(*levels)).text == "1. A\n1) B\n2. C\n2) D"


def test_a_workbook_whose_links_are_damaged_is_where_it_usually_is() -> None:
    found = convert(zipped(book(BOATS) | {"_rels/.rels": "<?xml version='1.0'?>\nDAMAGED"}), ".xlsx")
    assert found.text.endswith("Punt: Ann\nYawl: Ben")


def test_the_names_of_columns_are_kept_where_no_row_has_them() -> None:
    found = xlsx(line(1, "Boat", "Owner", "Port", look=BOLD) + line(2, "all sold"), '<autoFilter ref="A1:C3"/>')
    assert found.text == "Ports\n\nBoat; Owner; Port\n\nall sold"
    cells = "".join(
        f"<a:tr>{''.join(f'<a:tc><a:p><a:t>{words}</a:t></a:p></a:tc>' for words in row)}</a:tr>"
        for row in (("Boat", "Owner", "Port"), ("", "", ""))
    ).replace("<a:t>", "<a:r><a:t>").replace("</a:t>", "</a:t></a:r>")  # fmt: skip
    table = f'<a:graphicData uri="u/table"><a:tbl><a:tblPr firstRow="1"/>{cells}</a:tbl></a:graphicData>'
    assert "Boat; Owner; Port" in pptx(f"<p:graphicFrame>{table}</p:graphicFrame>").text
