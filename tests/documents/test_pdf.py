import math
from collections.abc import Iterable, Sequence

import pytest

from qa.documents.converted import Converted
from qa.documents.formats.pdf.document import convert_pdf
from qa.errors import CorpusError

Annotation = tuple[float, float, float, float, str]  # left, bottom, right, top and where it leads

FONTS = ("Helvetica", "Helvetica-Bold", "Courier")
LETTERS = "אבגדהוזחטיכלמנסעפצקרשתםןךףץابتجحخدرسصعفقكلمنهويﻻﻣ"  # of the font "R", as codes from 128 on


def drawn(
    x: float,
    y: float,
    words: str,
    size: float = 11,
    font: str = "1",
    turned: float = 0,
    grey: float = 0,
    rise: float = 0,
) -> str:
    """What draws words at a place: in Helvetica, bold ("2"), Courier ("3") or letters from right to left ("R")."""
    cos, sin = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    if font == "R":
        codes = bytes(128 + LETTERS.index(c) if c in LETTERS else ord(c) for c in words)
    else:
        codes = words.encode("cp1252")
    return (
        f"{grey} g BT /F{font} {size} Tf {rise} Ts {cos:.4f} {sin:.4f} {-sin:.4f} {cos:.4f} {x} {y} Tm "
        f"<{codes.hex()}> Tj ET\n"
    )


def down(x: float, y: float, lines: Iterable[str], step: float = 14, size: float = 11, font: str = "1") -> str:
    """Lines below one another."""
    return "".join(drawn(x, y - step * n, words, size, font) for n, words in enumerate(lines))


def pdf(*pages: str, links: Sequence[Annotation] = (), info: str = "", rotate: int = 0, ligature: str = "") -> bytes:
    """A PDF of pages that these streams draw; the links are on the first. The code 127 of "R" stands for `ligature`."""
    table = "".join(f"<{128 + n:02x}> <{ord(c):04x}>\n" for n, c in enumerate(LETTERS))
    table += "".join(f"<{n:02x}> <{n:04x}>\n" for n in range(32, 127))
    if ligature:
        table += f"<7f> <{ligature.encode('utf-16-be').hex()}>\n"
    cmap = f"begincmap 1 begincodespacerange <00> <ff> endcodespacerange {table.count(chr(10))} beginbfchar\n{table}"
    cmap += "endbfchar endcmap"
    fonts = [f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>" for name in FONTS]
    widths = " ".join(["500"] * 256)
    kids = [10 + 2 * n for n in range(len(pages))]
    marks = "".join(
        f"<< /Type /Annot /Subtype /Link /Rect [{a} {b} {c} {d}] /A << /S /URI /URI ({target}) >> >>"
        for a, b, c, d, target in links
    )
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>",
        *fonts,
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /FirstChar 0 /LastChar 255 "
        f"/Widths [{widths}] /Encoding /WinAnsiEncoding /ToUnicode 7 0 R >>",
        f"<< /Length {len(cmap)} >>\nstream\n{cmap}\nendstream",
        f"<< {info} >>",
        "null",
    ]  # fmt: skip
    for kid, page in zip(kids, pages, strict=True):
        on_it = f"/Annots [{marks}]" if kid == kids[0] else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Rotate {rotate} {on_it} /Resources << /Font << "
            f"/F1 3 0 R /F2 4 0 R /F3 5 0 R /FR 6 0 R >> >> /Contents {kid + 1} 0 R >>"
        )
        objects.append(f"<< /Length {len(page)} >>\nstream\n{page}endstream")
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{place:010} 00000 n \n" for place in places)
    end += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 8 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + end.encode()


LEFT = (
    "The harbour was built in the year of", "the great storm, when the old wall", "had fallen into the sea and ships",
    "could no longer lie there safely.", "The town paid for it with a tax on", "coal that every ship had to pay.",
)  # fmt: skip
RIGHT = (
    "Its lighthouse was finished later by", "the engineers of the railway, who", "also laid the rails to the quay and",
    "the two cranes that still stand at", "its end. They are no longer used by", "anyone but the gulls of the town.",
)  # fmt: skip
PORTS = (("Port", "Tons", "Note"), ("Hull", "40", "old"), ("Leith", "12", "new dock"), ("Wick", "7", "closed"))


def table(y: float, cells: Sequence[Sequence[str]], step: float = 16) -> str:
    places = (72, 190, 300)
    return "".join(
        drawn(places[column], y - step * n, words)
        for n, row in enumerate(cells)
        for column, words in enumerate(row)
        if words
    )


def blocks_of(found: Converted, kind: str) -> list[str]:
    return [found.text[block.start : block.end] for block in found.blocks if block.kind == kind]


def texts(*pages: str, **others: str) -> list[str]:
    """The words of a PDF's blocks."""
    found = convert_pdf(pdf(*pages, **others))  # type: ignore[arg-type]
    return [found.text[block.start : block.end] for block in found.blocks]


def prose(number: int) -> str:
    return down(72, 500, [f"Ship {'abcdefgh'[number]} sailed to the north."])


# Headers, footers and watermarks


def test_numbers_of_pages_are_left_out() -> None:
    pages = [
        prose(n) + drawn(72, 800, f"Coal in 1912   {n + 3}", 9) + drawn(290, 30, f"{n + 3} of 9") for n in range(4)
    ]
    assert texts(*pages) == [f"Ship {letter} sailed to the north." for letter in "abcd"]


def test_a_chapters_header_is_one_by_the_number_that_stands_apart() -> None:
    pages = [
        prose(n) + drawn(72, 800, f"Chapter {'abcd'[n]} of it", 9) + drawn(500, 800, str(n + 11), 9) for n in range(4)
    ]
    assert texts(*pages) == [f"Ship {letter} sailed to the north." for letter in "abcd"]


def test_lines_of_a_form_on_each_page_stay() -> None:
    totals = ("318.40", "77.10", "1205.00", "64.00")
    found = texts(*(
        drawn(72, 800, f"Invoice {1041 + n}") + prose(n) + drawn(72, 40, f"Total due: {total} EUR")
        for n, total in enumerate(totals)
    ))  # fmt: skip
    assert [f"Total due: {total} EUR" for total in totals] == [text for text in found if text.startswith("Total")]
    assert "Invoice 1043" in found


def test_a_watermark_across_the_page_is_left_out() -> None:
    slanted = drawn(150, 300, "DRAFT", 90, turned=45)
    light = drawn(60, 690, "COPY", 70, grey=0.85)
    assert texts(slanted + light + down(72, 700, LEFT)) == [" ".join(LEFT)]
    grey = [drawn(60, 300, "SECRET", 70) + prose(n) for n in range(3)]
    assert "SECRET" not in " ".join(texts(*grey))


def test_a_large_title_in_a_light_colour_stays() -> None:
    assert texts(drawn(72, 700, "Harbour", 40, grey=0.8) + down(72, 600, LEFT))[0] == "Harbour"


def test_turned_words_do_not_mix_into_lines() -> None:
    margin = drawn(30, 300, "note in the margin", turned=90)
    assert texts(down(72, 700, LEFT[:3]) + margin + down(72, 658, LEFT[3:])) == [" ".join(LEFT), "note in the margin"]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_page_that_is_turned_reads_as_others(turned: int) -> None:
    places = {90: (300, 72, 14, 0), 180: (500, 300, 0, 14), 270: (300, 700, -14, 0)}
    x, y, across, up = places[turned]
    page = "".join(drawn(x + across * n, y + up * n, words, turned=turned) for n, words in enumerate(LEFT))
    assert texts(page) == [" ".join(LEFT)]


# Columns


@pytest.mark.parametrize("lower", [0, 6])
def test_columns_are_read_one_after_the_other_below_their_heading(lower: float) -> None:
    lines = "".join(
        drawn(72, 700 - 14 * n, left) + drawn(310, 700 - lower - 14 * n, right)
        for n, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True))
    )
    heading = drawn(72, 740, "The harbour and its lighthouse in the old town", 16)
    after = drawn(72, 560, "Both are cared for by the council of the town, which meets in spring and in autumn.")
    assert texts(heading + lines + after) == [
        "The harbour and its lighthouse in the old town", " ".join(LEFT), " ".join(RIGHT),
        "Both are cared for by the council of the town, which meets in spring and in autumn.",
    ]  # fmt: skip


def test_a_heading_within_a_column_is_one() -> None:
    left = [*LEFT[:3], "Ports", *LEFT[3:]]
    page = "".join(
        drawn(72, 700 - 16 * n, words, 17 if words == "Ports" else 11) + drawn(310, 700 - 16 * n, other)
        for n, (words, other) in enumerate(zip(left, [*RIGHT, "All of it is theirs, as it was then."], strict=True))
    )
    found = convert_pdf(pdf(page))
    assert [block.kind for block in found.blocks][:3] == ["paragraph", "heading", "paragraph"]
    assert blocks_of(found, "heading") == ["Ports"]


def test_three_columns_are_read_one_after_the_other() -> None:
    columns = [[line[:24].strip() for line in lines] for lines in (LEFT, RIGHT, LEFT)]
    page = "".join(drawn(40 + 180 * c, 700 - 14 * n, columns[c][n]) for n in range(6) for c in range(3))
    assert texts(page) == [" ".join(column) for column in columns]


def test_a_table_is_no_columns() -> None:
    found = convert_pdf(pdf(drawn(72, 740, "The ports.") + table(700, PORTS)))
    assert blocks_of(found, "row")[1] == "Port: Leith; Tons: 12; Note: new dock"


# Titles


@pytest.mark.parametrize(
    "title",
    ["PowerPoint Presentation", "10811.exe", "Microsoft Word - plan v2", "untitled", "Untitled-1", "rep_20190412"],
)
def test_a_title_that_a_program_wrote_is_none(title: str) -> None:
    page = drawn(72, 780, "Port of Hull", 12) + drawn(72, 740, "Harbour plan", 24) + down(72, 700, LEFT)
    assert convert_pdf(pdf(page, info=f"/Title ({title})")).title == "Harbour plan"


def test_a_title_that_the_page_shows_or_that_has_words_is_one() -> None:
    page = drawn(72, 740, "Harbour", 24) + down(72, 700, LEFT)
    assert convert_pdf(pdf(page, info="/Title (The plan of 2019)")).title == "The plan of 2019"
    page = drawn(72, 740, "RFC9110", 24) + down(72, 700, LEFT)
    assert convert_pdf(pdf(page, info="/Title (RFC9110)")).title == "RFC9110"


# Lists


@pytest.mark.parametrize("bullet", ["•", "o", "–", "-", "*", "·", "»"])
def test_bullets_apart_from_their_text_are_a_list(bullet: str) -> None:
    items = ("Members swim free", "Grown-ups pay 5 euros", "Families of 4 pay 9 euros")
    page = drawn(72, 740, "The fees of the pool are these:")
    page += "".join(drawn(90, 720 - 14 * n, bullet) + drawn(112, 720 - 14 * n, item) for n, item in enumerate(items))
    found = convert_pdf(pdf(page))
    assert blocks_of(found, "item") == list(items)
    assert len({block.list for block in found.blocks if block.kind == "item"}) == 1


def test_bullets_of_a_font_of_signs_are_a_list() -> None:
    page = "".join(
        drawn(90, 720 - 14 * n, "\x7f", font="R") + drawn(108, 720 - 14 * n, w) for n, w in enumerate(LEFT[4:])
    )
    found = convert_pdf(pdf(page, ligature="\uf0b7"))
    assert blocks_of(found, "item") == list(LEFT[4:])


def test_items_keep_their_numbers_and_are_nested_by_indent() -> None:
    page = drawn(72, 740, "How to open it:") + drawn(72, 720, "1.") + drawn(90, 720, "Open the lid, which")
    page += drawn(90, 706, "is at the top") + drawn(72, 692, "2.") + drawn(90, 692, "Take the cup")
    page += drawn(90, 678, "(a)  with water") + drawn(90, 664, "(b)  with tea") + drawn(72, 640, "3)   Close it.")
    page += drawn(72, 626, "Then it is done.")
    found = convert_pdf(pdf(page))
    items = [(found.text[b.start : b.end], b.level, b.opens) for b in found.blocks if b.kind == "item"]
    assert items == [
        ("1. Open the lid, which is at the top", 0, True), ("2. Take the cup", 0, True), ("(a) with water", 1, True),
        ("(b) with tea", 1, True), ("3) Close it.", 0, True),
    ]  # fmt: skip
    assert blocks_of(found, "paragraph") == ["How to open it:", "Then it is done."]


def test_a_list_goes_on_over_a_page_with_the_pages_mark_before_its_number() -> None:
    found = convert_pdf(pdf(down(72, 700, ["1. One lid.", "2. Two lids."]), down(72, 700, ["3. Three lids."])))
    assert [block.page for block in found.blocks] == [1, 1, 2]
    assert len({block.list for block in found.blocks}) == 1
    assert found.text[found.pages[1] :] == "3. Three lids."


def test_a_dash_within_a_sentence_begins_no_item() -> None:
    lines = [
        "The wall that stands along the harbour",
        "- it is old - was raised by two metres in",
        "the spring of that year.",
    ]
    assert texts(down(72, 700, lines)) == [" ".join(lines)]


# Right to left


def test_a_ligature_of_two_letters_is_in_their_order() -> None:
    assert texts(drawn(72, 700, "م\x7fسلا", font="R"), ligature="لا") == ["السلام"]
    assert texts(drawn(72, 700, "م\x7f", font="R"), ligature="لله") == ["للهم"]


def test_forms_of_letters_are_the_letters() -> None:
    assert texts(drawn(72, 700, "مﻼﺳ".replace("ﻼ", "ﻻ").replace("ﺳ", "س"), font="R")) == ["سلام"]


def test_letters_from_right_to_left_are_in_their_order_however_they_are_drawn() -> None:
    words = "שלום עולם"
    assert texts(drawn(72, 700, words[::-1], font="R")) == [words]
    assert texts("".join(drawn(300 - 6 * n, 700, letter, font="R") for n, letter in enumerate(words))) == [words]
    assert texts("".join(drawn(300 - 40 * n, 700, word[::-1], font="R") for n, word in enumerate(words.split()))) == [
        words
    ]


# Links, raised letters, notes and captions


def test_links_are_those_of_the_letters_in_their_boxes() -> None:
    page = drawn(72, 700, "See the page of the town for more.")
    boxes = [(90.0, 695.0, 150.0, 712.0, "https://town.example/a b"), (160.0, 695.0, 200.0, 712.0, "javascript:1")]
    found = convert_pdf(pdf(page, links=boxes))
    assert found.text == "See the page of the town for more."
    (link,) = found.links
    assert "the page of".startswith(found.text[link.start : link.end].strip())
    assert link.target == "https://town.example/ab"


def test_raised_and_lowered_digits_are_told_by_size_and_place() -> None:
    page = drawn(72, 700, "about 10") + drawn(115, 700, "6", 7, rise=4) + drawn(119, 700, " m of H")
    page += drawn(155, 700, "2", 7, rise=-2) + drawn(160, 700, "O on the 5") + drawn(212, 700, "th", 7, rise=4)
    assert texts(page) == ["about 10⁶ m of H₂O on the 5th"]


def test_notes_at_the_pages_foot_are_notes_and_the_text_goes_on_after_them() -> None:
    note = drawn(72, 90, "1", 5, rise=3) + drawn(76, 90, "A note on it.", 8)
    found = convert_pdf(pdf(down(72, 700, [*LEFT, "But the wall is"]) + note, down(72, 700, ["old and low."])))
    kinds = [(block.kind, found.text[block.start : block.end], block.page) for block in found.blocks]
    assert kinds == [
        ("note", "¹ A note on it.", 1),
        ("paragraph", " ".join([*LEFT, "But the wall is old and low."]), 1),
    ]
    assert found.text[found.pages[1] :] == "old and low."


def test_a_line_that_names_a_table_is_its_caption() -> None:
    found = convert_pdf(pdf(down(72, 720, LEFT) + drawn(72, 600, "Table 3: The ports") + table(580, PORTS)))
    assert [block.kind for block in found.blocks] == ["paragraph", "caption", "row", "row", "row"]


# Tables


def test_a_table_that_goes_on_keeps_the_names_of_its_columns() -> None:
    first = drawn(72, 740, "The ports.") + table(700, PORTS)
    for again in ((), PORTS[:1]):
        found = convert_pdf(pdf(first, table(780, [*again, ("Dover", "9", "chalk"), ("Deal", "2", "sand")])))
        rows = [block for block in found.blocks if block.kind == "row"]
        assert blocks_of(found, "row")[-2:] == ["Port: Dover; Tons: 9; Note: chalk", "Port: Deal; Tons: 2; Note: sand"]
        assert [row.page for row in rows] == [1, 1, 1, 2, 2]
        assert len({row.list for row in rows}) == 1
        assert [cell.name for cell in rows[-1].cells] == ["Port", "Tons", "Note"]


def test_a_line_that_only_goes_on_with_cells_belongs_to_the_row_above() -> None:
    page = drawn(72, 740, "The ports.") + table(700, PORTS[:2], 24) + table(663, [("", "", "dock of the rail-")])
    page += table(650, [("", "", "way")]) + table(624, PORTS[2:], 24)
    assert blocks_of(convert_pdf(pdf(page)), "row")[0] == "Port: Hull; Tons: 40; Note: old dock of the railway"


def test_names_of_columns_that_take_two_lines_are_one() -> None:
    names = table(712, [("Port", "Total", "Its")]) + table(700, [("", "tons", "state")])
    found = convert_pdf(pdf(drawn(72, 760, "The ports.") + names + table(676, PORTS[1:])))
    assert blocks_of(found, "row")[0] == "Port: Hull; Total tons: 40; Its state: old"


def test_a_row_may_lack_a_cell() -> None:
    page = drawn(72, 740, "The ports.") + table(700, [*PORTS, ("Deal", "", "sand")])
    assert blocks_of(convert_pdf(pdf(page)), "row")[-1] == "Port: Deal; Note: sand"


def test_a_table_whose_first_row_is_not_sure_to_name_its_columns_has_no_names() -> None:
    page = drawn(72, 740, "The ports.") + table(
        700, [("Hull", "old", "a"), ("Leith", "new", "b"), ("Wick", "shut", "c")]
    )
    found = convert_pdf(pdf(page))
    assert blocks_of(found, "row") == ["Hull; old; a", "Leith; new; b", "Wick; shut; c"]
    assert {cell.name for block in found.blocks for cell in block.cells} == {""}


# Hyphens, listings and pages


def test_the_hyphen_of_a_parted_word_is_dropped_and_that_of_a_compound_kept() -> None:
    lines = (
        "A well-known man came from the har-", "bour to the well-", "known house of the Anglo-",
        "Saxon king in the pre-",
        "and post-war years 2020-", "21, as told.",
    )  # fmt: skip
    assert texts(down(72, 700, lines)) == [
        "A well-known man came from the harbour to the well-known house of the Anglo-Saxon king in the pre- and "
        "post-war years 2020-21, as told."
    ]


def test_lines_in_letters_of_one_width_are_a_listing() -> None:
    listing = drawn(72, 600, "def f(x):", font="3") + drawn(72 + 4 * 6.6, 586, "return x  + 1", font="3")
    listing += drawn(72, 558, "f(2)", font="3")
    found = convert_pdf(pdf(down(72, 700, LEFT) + listing + down(72, 520, RIGHT)))
    assert [block.kind for block in found.blocks] == ["paragraph", "code", "paragraph"]
    assert blocks_of(found, "code") == ["def f(x):\n    return x  + 1\n\nf(2)"]


def test_a_text_that_is_typewritten_is_no_listing() -> None:
    found = convert_pdf(pdf(down(72, 700, LEFT, font="3")))
    assert [block.kind for block in found.blocks] == ["paragraph"]


def test_a_word_that_goes_on_over_a_page_is_one() -> None:
    found = convert_pdf(pdf(down(72, 700, [*LEFT, "It lies there sa-"]), "", down(72, 700, ["fely at its quay."])))
    assert found.text.endswith("It lies there safely at its quay.")
    assert len(found.blocks) == 1
    assert [found.text[start:][:4] for start in found.pages] == ["The ", "fely", "fely"]


def test_pages_at_the_end_without_text_begin_there() -> None:
    found = convert_pdf(pdf(down(72, 700, LEFT), "", ""))
    assert found.pages == (0, len(found.text), len(found.text))


def test_characters_that_mark_links_are_no_text() -> None:
    assert texts(drawn(72, 700, "a\x7fb", font="R"), ligature="\ufdd0x\ufdd3") == ["axb"]


def test_a_damaged_file_is_told_so() -> None:
    data = pdf(down(72, 700, LEFT), links=[(0, 0, 500, 800, "https://a.example")])
    for cut in range(0, len(data), 97):
        for damaged in (data[:cut], data[:cut] + b"\xff\x00<<" + data[cut + 4 :]):
            try:
                convert_pdf(damaged)
            except CorpusError as error:
                assert "\n" not in str(error)
