"""A citation read from a scan leads to its page as a picture, with its lines marked; the text stays below it."""

import hashlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from documents.test_scans import PAGE, drawn, file, reading
from PIL import Image
from playwright.sync_api import Browser, expect
from serving import serving
from web.browser import CHROMIUM

from qa import Assistant, Settings
from qa.documents.convert import convert
from qa.documents.ocr.picture import SIDE
from qa.documents.sandbox import Converter
from qa.encoder.base import Encoder
from qa.errors import CorpusError
from qa.types import Block, Document, ScannedLine
from qa.web.pages.pictures import Pictures
from qa.web.pages.source import source_html

QUOTE = "On Sundays each costs two pounds, payable on board."
SCREENSHOTS = Path(__file__).parent / "screenshots"
NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 900}

expect.set_options(timeout=30_000)
__all__ = ["reading"]


def scan(folder: Path) -> Path:
    """A file of two pages, the second one skewed."""
    pages = drawn((1, [(1, 10, "The first page has a line.")])), drawn((1, PAGE)).rotate(2, fillcolor=255)
    path = folder / "rules.pdf"
    path.write_bytes(file(pages[0], ".pdf", pages[1]))
    return path


# Where lines are


@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("turned", [0, 2, 90, 180])
def test_each_line_has_its_place_on_the_page_as_it_is(turned: int) -> None:
    straight = drawn((1, PAGE))
    page = straight.rotate(turned, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    found = convert(file(page, ".png"), ".png")
    assert [found.text[line.start : line.end].strip() for line in found.lines][:3] == [
        words for _, _, words in PAGE[:3]
    ]
    box = straight.crop((0, 0, straight.width, int(1.5 * 150))).point(lambda value: 255 - value).getbbox()
    assert box is not None
    right, down = (box[0] + box[2] - straight.width) / 2, (box[1] + box[3] - straight.height) / 2
    sine, cosine = math.sin(math.radians(turned)), math.cos(math.radians(turned))
    x, y = page.width / 2 + right * cosine + down * sine, page.height / 2 - right * sine + down * cosine
    line = found.lines[0]
    assert (line.page, line.height) == (1, round(1000 * page.height / page.width))
    middle = sum(line.corners[::2]) / 4, sum(line.corners[1::2]) / 4
    assert middle == pytest.approx((1000 * x / page.width, 1000 * y / page.width), abs=6)


@pytest.mark.usefixtures("reading")
def test_rows_and_items_have_their_places_as_well() -> None:
    columns = [
        (left, [(1.4 + n * 0.22, 10, cell) for n, cell in enumerate(column)])
        for left, column in ((1, ["Class", "Adult", "Child"]), (3, ["Single", "4.00", "2.00"]))
    ]
    items = [(2.6, 10, "1. Adults pay at the office."), (2.78, 10, "2. Children under six travel free.")]
    found = convert(file(drawn(*columns, (1, items)), ".png"), ".png")
    assert [found.text[line.start : line.end].strip() for line in found.lines] == [
        *("Adult", "4.00", "Child", "2.00"),
        *("1. Adults pay at the office.", "2. Children under six travel free."),
    ]


# The picture


@pytest.mark.parametrize("suffix", [".pdf", ".png", ".jpg", ".tif"])
def test_a_page_is_shown_in_a_process_of_its_own_and_not_larger_than_needed(suffix: str) -> None:
    large = Image.new("RGB", (3000, 1500), "red")
    with Converter() as converter:
        shown = Image.open(io.BytesIO(converter.picture(file(large, suffix), suffix, 1)))
        assert (shown.format, *shown.size) == ("JPEG", SIDE, SIDE // 2)
        assert shown.convert("RGB").getpixel((9, 9)) == pytest.approx((254, 0, 0), abs=3)
        for data, page in ((file(large, suffix), 2), (b"damaged", 1)):
            with pytest.raises(CorpusError, match=rf"^page {page} can't be shown: "):
                converter.picture(data, suffix, page)


def test_there_are_pictures_only_of_a_file_that_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (30, 30), 255).save(path)
    whole = Document("a.png", "A", "Text.", path=path, scanned=(1,), file_hash=hash_of(path))
    pictures = Pictures()
    assert pictures.are_of(whole)
    assert pictures.page(whole, 1) == pictures.page(whole, 1) is not None
    assert pictures.page(whole, 2) is None
    path.write_bytes(path.read_bytes() + b"\0")
    assert not pictures.are_of(whole)
    assert pictures.page(whole, 1) is None
    path.unlink()
    assert not pictures.are_of(whole)
    assert not pictures.are_of(Document("a.png", "A", "Text.", path=path))


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_more_than_two_pages_are_pictures_at_once() -> None:
    lines = tuple(ScannedLine(n * 6, n * 6 + 5, n + 1, 1400, (1, 2, 3, 2, 3, 4, 1, 4)) for n in range(4))
    found = Document("a.pdf", "A", "Text. " * 4, pages=(0, 6, 12, 18), lines=lines)
    assert source_html(found, 0, 24, "", pictured=True).count("<figure>") == 0  # it has no blocks with pages
    converted = Document("a.pdf", "A", "Text. " * 4, blocks_of(4), pages=(0, 6, 12, 18), lines=lines)
    assert source_html(converted, 0, 24, "", pictured=True).count("<figure>") == 2
    assert source_html(converted, 6, 11, "", pictured=True).count("?picture=2") == 2
    assert "<figure>" not in source_html(converted, 6, 11, "")
    assert "<figure>" not in source_html(converted, 0, 0, "", pictured=True)


def blocks_of(pages: int) -> tuple[Block, ...]:
    return tuple(Block("paragraph", n * 6, n * 6 + 5, page=n + 1) for n in range(pages))


# The page


@pytest.fixture(scope="module")
def scanned(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    folder = tmp_path_factory.mktemp("scans")
    scan(folder)
    return Assistant.open(folder, tmp_path_factory.mktemp("index"), encoder)


@pytest.fixture(scope="module")
def source(scanned: Assistant) -> Iterator[str]:
    """The address of the source page of a quote."""
    with serving(Settings(), lambda: scanned) as address:
        body = {"question": "What do bicycles cost on Sundays?"}
        (citation,) = httpx.post(f"{address}/api/ask", json=body, timeout=60).json()["citations"]
        assert (citation["quote"], citation["scanned"], citation["page"]) == (QUOTE, True, 2)
        yield address + citation["url"]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.usefixtures("reading")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
def test_the_cited_lines_are_marked_in_the_picture_of_their_page(
    browser: Browser, source: str, size: dict[str, int], theme: str
) -> None:
    page = browser.new_page(viewport=size, color_scheme=theme)  # type: ignore[arg-type]
    answers: list[int] = []
    page.on("response", lambda response: answers.append(response.status))
    page.goto(source, wait_until="networkidle")
    assert answers == [200, 200, 200]  # the page, its styles and the picture, which the policy lets in
    expect(page.get_by_role("img", name="Page 2 as a picture")).to_be_visible()
    marked = page.locator("polygon")
    expect(marked).to_have_count(2)
    expect(marked.first).to_be_in_viewport()
    box = marked.first.bounding_box()
    assert box is not None
    seen = Image.open(io.BytesIO(page.screenshot(clip=box)))  # type: ignore[arg-type]
    colours = seen.convert("RGB").getcolors(seen.width * seen.height) or []
    assert (253, 230, 138) in {colour for _, colour in colours}  # the mark's own, on paper
    assert any(sum(colour) < 300 for _, colour in colours)  # and letters, so that the picture is there
    expect(page.locator("main mark")).to_have_text(QUOTE)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"scan-{theme}-{size['width']}.png")
    page.close()


@pytest.mark.usefixtures("reading")
def test_a_picture_is_behind_the_token_and_counts_as_a_source_page(scanned: Assistant) -> None:
    with serving(Settings(token="secret", rate=3), lambda: scanned) as address:
        picture = f"{address}/source/rules.pdf?picture=2"
        assert httpx.get(picture).status_code == 401
        allowed = {"Authorization": "Bearer secret"}
        answers = [httpx.get(picture, headers=allowed, timeout=60) for _ in range(3)]
        assert [answer.headers["content-type"] for answer in answers] == ["image/jpeg"] * 3
        assert httpx.get(picture, headers=allowed).status_code == 429


@pytest.mark.usefixtures("reading")
def test_of_a_file_that_has_changed_the_text_alone_is_shown(source: str, scanned: Assistant) -> None:
    found = scanned.document("rules.pdf")
    assert found is not None
    assert found.path is not None
    data = found.path.read_bytes()
    assert "<figure>" in httpx.get(source).text
    try:
        found.path.write_bytes(data + b"\n")
        shown = httpx.get(source).text
        assert "<figure>" not in shown
        assert f'<mark id="quote">{QUOTE}</mark>' in shown
        assert httpx.get(f"{source.partition('?')[0]}?picture=2").status_code == 404
    finally:
        found.path.write_bytes(data)
