"""Scans and pictures with known words on them are read; what can't be read is skipped with a reason that helps."""

import io
import random
import sys
import warnings
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from qa import Assistant
from qa.answer import schema
from qa.cli.ask import _lines
from qa.documents import load as corpus
from qa.documents.convert import convert
from qa.documents.ocr import engines as ocr
from qa.documents.sandbox import Converter
from qa.encoder.base import Encoder
from qa.errors import CorpusError
from qa.types import Citation, Document
from qa.web.pages.render import answer_html

pytestmark = pytest.mark.slow

FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf")
DPI = 150
ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".pdf": "PDF"}
TEXT = """Harbour rules

The ferry leaves the harbour at seven in the morning and comes back at half past nine. Passengers with luggage register at the office on the quay.

Bicycles travel free of charge on weekdays. On Sundays each costs two pounds, payable on board."""  # noqa: E501
PAGE = [
    (1.0, 20, "Harbour rules"),
    (1.60, 10, "The ferry leaves the harbour at seven in the morning and comes back at half past"),
    (1.78, 10, "nine. Passengers with luggage register at the office on the quay."),
    (2.20, 10, "Bicycles travel free of charge on weekdays. On Sundays each costs two pounds, pay-"),
    (2.38, 10, "able on board."),
]

Lines = list[tuple[float, int, str]]  # how far each is from the top in inches, how large in points, and what it says


@pytest.fixture
def reading() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("rapidocr", reason="rapidocr isn't installed: pip install 'question-box[ocr]'")
    if not FONT.exists():
        pytest.skip("the font DejaVu Serif isn't installed")


def drawn(*columns: tuple[float, Lines]) -> Image.Image:
    """A page in greys, with columns of lines that begin so many inches from its left."""
    page = Image.new("L", (int(8.27 * DPI), int(5 * DPI)), 255)
    draw = ImageDraw.Draw(page)
    for left, lines in columns:
        for top, size, words in lines:
            draw.text((left * DPI, top * DPI), words, 0, ImageFont.truetype(str(FONT), round(size * DPI / 72)))
    return page


def file(page: Image.Image, suffix: str, *more: Image.Image) -> bytes:
    written = io.BytesIO()
    options = {"save_all": True, "append_images": more} if more else {}
    page.save(written, ENDINGS[suffix], **options)  # type: ignore[arg-type]
    return written.getvalue()


def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)


# With the extra


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("suffix", ENDINGS)
def test_a_picture_is_read_in_a_process_of_its_own(suffix: str) -> None:
    with Converter() as converter:
        found = converter.convert(file(drawn((1, PAGE)), suffix), suffix)
    assert (found.text, found.title, found.pages, found.scanned) == (TEXT, "Harbour rules", (0,), (1,))
    assert [(block.kind, block.level, block.page) for block in found.blocks] == [
        ("heading", 1, 1),
        ("paragraph", 0, 1),
        ("paragraph", 0, 1),
    ]


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("turned", [2, -2, 90, 180, 270])
def test_a_page_may_be_skewed_or_lie_on_its_side(turned: int) -> None:
    page = drawn((1, PAGE)).rotate(turned, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    assert convert(file(page, ".png"), ".png").text == TEXT


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA", "I;16", "CMYK"])
def test_any_colours(mode: str) -> None:
    page = drawn((1, PAGE[:3]))
    if mode == "LA":
        page = Image.merge("LA", (Image.new("L", page.size, 0), page.point(lambda value: 255 - value)))
    elif mode == "I;16":
        page = page.convert("I").point(lambda value: value * 257).convert("I;16")
    else:
        page = page.convert(mode)
    suffix = ".tif" if mode == "CMYK" else ".png"
    assert convert(file(page, suffix), suffix).text == TEXT.rpartition("\n\n")[0]


@pytest.mark.usefixtures("reading")
def test_columns_are_read_one_after_the_other() -> None:
    left = "The ferry leaves the harbour at|seven in the morning and it|comes back at half past nine.".split("|")
    right = "Bicycles travel free of charge|on weekdays. On Sundays each|costs two pounds on board.".split("|")
    columns = [[(1.6 + n * 0.18, 10, words) for n, words in enumerate(column)] for column in (left, right)]
    page = drawn((1, [(1, 20, "Harbour rules in two columns"), *columns[0]]), (4.5, columns[1]))
    assert convert(file(page, ".png"), ".png").text.split("\n\n") == [
        "Harbour rules in two columns",
        " ".join(left),
        " ".join(right),
    ]


@pytest.mark.usefixtures("reading")
def test_rows_of_a_table_and_items_of_a_list() -> None:
    rows = ("Class Single Return", "Adult 4.00 7.50", "Child 2.00 3.50", "Dog 1.00 1.80")
    cells = zip(*(row.split() for row in rows), strict=True)
    columns = [
        (left, [(1.4 + n * 0.22, 10, cell) for n, cell in enumerate(column)])
        for left, column in zip((1, 3, 5), cells, strict=True)
    ]
    items = [(2.6, 10, "1. Adults pay at the office."), (2.78, 10, "2. Children under six travel free.")]
    found = convert(file(drawn(*columns, (1, items)), ".png"), ".png")
    assert [line for line in found.text.splitlines() if line] == [
        "Class: Adult; Single: 4.00; Return: 7.50",
        "Class: Child; Single: 2.00; Return: 3.50",
        "Class: Dog; Single: 1.00; Return: 1.80",
        "1. Adults pay at the office.",
        "2. Children under six travel free.",
    ]
    assert [block.kind for block in found.blocks] == ["row", "row", "row", "item", "item"]


@pytest.mark.usefixtures("reading")
def test_umlauts() -> None:
    line = "Größere Gepäckstücke müssen Sie früh anmelden; das kostet 5 €."
    assert convert(file(drawn((1, [(1, 11, line)])), ".png"), ".png").text == line


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("suffix", [".tif", ".pdf"])
def test_several_pages(suffix: str) -> None:
    pages = [drawn((1, [(1, 10, words)])) for words in ("The first page has a line.", "", "The last one has another.")]
    found = convert(file(pages[0], suffix, *pages[1:]), suffix)
    assert found.text == "The first page has a line.\n\nThe last one has another."
    assert found.pages == (0, 28, 28)
    assert {1, 3} <= set(found.scanned)


def russian() -> Image.Image:
    words = "Паром выходит из гавани в семь|часов утра и возвращается|в половине десятого, а в субботу|на час позже."
    return drawn((1, [(1 + n * 0.2, 10, line) for n, line in enumerate(words.split("|"))]))


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_letters_that_are_not_known_are_no_text_of_others(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_tesseract", lambda: None)
    with pytest.raises(CorpusError, match=r"^scanned without text: letters of its kind can't be read"):
        convert(file(russian(), suffix), suffix)


@pytest.mark.usefixtures("reading")
def test_they_are_read_by_tesseract_where_it_is() -> None:
    pytest.importorskip("tesserocr", reason="tesserocr isn't installed: pip install 'question-box[ocr]'")
    if "rus" not in ocr.languages()[1]:
        pytest.skip("Tesseract's Russian isn't installed: apt install tesseract-ocr-rus")
    with Converter() as converter:
        found = converter.convert(file(russian(), ".png"), ".png")
    assert found.text == (
        "Паром выходит из гавани в семь часов утра и возвращается в половине десятого, а в субботу на час позже."
    )


@pytest.mark.usefixtures("reading")
def test_a_picture_without_text() -> None:
    with pytest.raises(CorpusError, match=r"^no text in the picture$"):
        convert(file(drawn(), ".png"), ".png")


@pytest.mark.usefixtures("reading")
def test_damaged_pictures() -> None:
    chance = random.Random(7)
    with Converter() as converter:
        for suffix in (".png", ".jpg", ".tif"):
            good = file(drawn((1, PAGE)), suffix)
            for _ in range(4):
                data = bytearray(good[: chance.randrange(len(good))] if chance.random() < 0.5 else good)
                for _ in range(20):
                    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                try:
                    assert converter.convert(bytes(data), suffix).text
                except CorpusError as error:
                    assert str(error).startswith(("damaged: ", "no text ", "scanned ", "empty", "too large: "))


@pytest.mark.usefixtures("reading")
def test_a_citation_says_that_it_was_read_from_a_scan(tmp_path: Path, encoder: Encoder) -> None:
    (tmp_path / "rules.pdf").write_bytes(file(drawn((1, PAGE)), ".pdf"))
    (tmp_path / "dogs.txt").write_text("Dogs must be kept on a lead at all times while they are on deck.\n", "utf-8")
    assistant = Assistant.open(tmp_path, tmp_path / "index", encoder)
    for question, scanned in (("What do bicycles cost on Sundays?", True), ("Must dogs be on a lead?", False)):
        answer = assistant.ask(question)
        assert [citation.scanned for citation in answer.citations] == [scanned]
        shown = (answer_html(answer), "\n".join(_lines(answer, "")))
        assert all((", read from a scan" in one) == scanned for one in shown)
        assert schema.Answer.of(answer, 1.0).as_json()["citations"][0].get("scanned", False) == scanned


# Without it


def test_a_picture_is_skipped_with_the_command_that_helps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_extra(monkeypatch)
    (tmp_path / "a.txt").write_text("The port of Elm is on the Ash.", "utf-8")
    Image.new("L", (300, 300), 128).save(tmp_path / "b.PNG")
    found = corpus.read([tmp_path])
    assert [document.id for document in found.documents] == ["a.txt"]
    assert list(found.skipped) == ["b.PNG"]
    with pytest.raises(CorpusError, match=r"^a picture: to read it, pip install 'question-box\[ocr\]'$"):
        convert((tmp_path / "b.PNG").read_bytes(), ".png")


def test_a_pdf_of_pictures_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    without_extra(monkeypatch)
    data = file(Image.new("L", (300, 300), 128), ".pdf")
    with pytest.raises(CorpusError, match=r"^scanned without text: to read it, pip install 'question-box\[ocr\]'$"):
        convert(data, ".pdf")


def test_where_a_citation_is_from_stays_known_in_the_index(tmp_path: Path, encoder: Encoder) -> None:
    pages = (Document("a.pdf", "Elm", "The port is on the Ash.\n\nIt is wide.", pages=(0, 25), scanned=(2,)),)
    assistant = Assistant.from_documents(pages, encoder)
    document = assistant.store.document("a.pdf")
    assert document is not None
    assert document.scanned == (2,)
    places = [Citation("a.pdf", "Elm", "", "", 0, 0, page) for page in (1, 2)]
    assert [assistant._with_source(citation).scanned for citation in places] == [False, True]
