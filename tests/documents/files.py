"""Small files of every kind, built by hand, that say much the same."""

import io
import json
import zipfile
from collections.abc import Callable

EXPECTED_ROWS = ("Year: 1912; Tons: 40; Port: Hull", "Year: 1913; Tons: 52; Port: Leith")
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
