"""Accuracy of reading scans: known texts drawn as pages, clean, skewed and noisy, at 150 and 300 dpi.

Needs the extra `ocr` and the fonts DejaVu or Liberation. Run as `python bench/scans.py`.
"""

import argparse
import random
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from qa.documents.ocr.scans import read_page
from qa.documents.writing.parts import Part
from qa.errors import CorpusError

ROOT = Path(__file__).parent.parent
FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf",
)
WIDTH, HEIGHT, MARGIN = 8.27, 11.69, 1.0  # inches
SIZE, LEADING = 11, 1.35  # font size in points, line height in font sizes
PAGES = 10  # of each language
LENGTH = 1500  # characters of a page

GERMAN = """Die Bücherei liegt in der alten Mühle am Ende der Straße und leiht allen Menschen im Tal Bücher aus.
Geöffnet ist sie dienstags und freitags von 15 bis 19 Uhr, samstags schon ab zehn; an Feiertagen bleibt sie
geschlossen.

Jedes Buch darf vier Wochen behalten werden. Danach kostet es für jede angefangene Woche zwanzig Cent, höchstens aber
fünf Euro. Wer ein Buch verliert, bezahlt den Preis eines neuen Stücks. Vorbestellungen sind kostenlos und gelten zehn
Tage; größere Mengen für Schulklassen müssen früher angemeldet werden.

Über der Ausleihe gibt es einen Leseraum mit zwölf Plätzen, einem Kachelofen und Zeitungen aus der Gegend. Getränke
sind erlaubt, Hunde dürfen nur vor die Tür. Für Geräte mit Kabeln stehen sechs Steckdosen bereit. Wer länger als zwei
Stunden bleibt, möge während der Ferien anderen seinen Platz überlassen. Eine Tafel mahnt: „Bitte leise!“

Die Mühle wurde 1784 errichtet und mahlte bis 1951 Weizen, Roggen und Öl. Ihr Rad hat einen Durchmesser von 4,60
Metern und dreht sich heute nur noch zur Vorführung am ersten Sonntag im Mai. Führungen dauern ungefähr vierzig
Minuten, kosten drei Euro und enden mit einer Tasse Kräutertee."""
RUSSIAN = """Библиотека находится в старой мельнице в конце улицы и выдаёт книги всем жителям долины. Она открыта по
вторникам и пятницам с 15 до 19 часов, по субботам уже с десяти; в праздничные дни она закрыта.

Каждую книгу можно держать четыре недели. После этого за каждую начатую неделю нужно платить двадцать копеек, но не
более пяти рублей. Кто потеряет книгу, платит цену нового экземпляра. Заказ книг бесплатный и действует десять дней;
для школьных классов о нём следует объявить раньше.

Над залом выдачи есть читальный зал на двенадцать мест, с изразцовой печью и местными газетами. Напитки разрешены,
собак просят оставлять у двери. Для приборов с кабелем есть шесть розеток."""


class Reading(NamedTuple):
    """The share of a page's characters that is right, None if the page was refused, and the seconds it took."""

    right: float | None
    seconds: float


Change = Callable[[Image.Image, random.Random], Image.Image]


def english() -> str:
    """Return the demo corpus without the marks of Markdown."""
    text = "\n\n".join(path.read_text("utf-8") for path in sorted((ROOT / "corpus").glob("*.md")))
    return re.sub(r"^#+ .*\n|[*_`]", "", text, flags=re.MULTILINE)


def texts(source: str) -> list[list[str]]:
    """Return pages of paragraphs, each starting at another paragraph of the source, cyclically."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in source.split("\n\n") if paragraph.strip()]
    pages: list[list[str]] = []
    for first in range(PAGES):
        page: list[str] = []
        at = first
        while sum(map(len, page)) < LENGTH:
            page.append(paragraphs[at % len(paragraphs)])
            at += 1
        pages.append(page)
    return pages


def drawn(paragraphs: Sequence[str], font: str, dpi: int) -> Image.Image:
    """Draw an A4 page with these paragraphs."""
    page = Image.new("L", (round(WIDTH * dpi), round(HEIGHT * dpi)), 255)
    draw, letters = ImageDraw.Draw(page), ImageFont.truetype(font, round(SIZE * dpi / 72))
    top, line = MARGIN * dpi, ""
    for paragraph in paragraphs:
        for word in [*paragraph.split(), ""]:
            if not word or draw.textlength(f"{line} {word}", letters) > page.width - 2 * MARGIN * dpi:
                draw.text((MARGIN * dpi, top), line, 0, letters)
                top += SIZE * LEADING * dpi / 72
                line = ""
            line = f"{line} {word}".strip()
        top += SIZE * dpi / 72
    return page


def clean(page: Image.Image, _: random.Random) -> Image.Image:
    return page


def skewed(page: Image.Image, chance: random.Random) -> Image.Image:
    return page.rotate(chance.choice((2, -2)), Image.Resampling.BICUBIC, fillcolor=255)


def noisy(page: Image.Image, chance: random.Random) -> Image.Image:
    """Make a page look like a bad copy: grey paper, weak ink, soft edges, grain, and specks."""
    numbers = np.random.default_rng(chance.randrange(2**32))
    grey = np.asarray(page.filter(ImageFilter.GaussianBlur(page.width / 1800)), dtype=np.float32)
    grey = 60 + grey * (225 - 60) / 255 + numbers.normal(0, 25, grey.shape)
    specks = numbers.random(grey.shape)
    grey[specks < 0.002] = 30
    grey[specks > 0.998] = 255
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def distance(one: str, two: str) -> int:
    """Return the Levenshtein distance of two texts."""
    codes = np.array([ord(character) for character in two], dtype=np.int64)
    places = np.arange(len(two) + 1)
    row = places
    for number, character in enumerate(one, 1):
        other = np.empty_like(row)
        other[0] = number
        other[1:] = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(character)))
        row = np.minimum.accumulate(other - places) + places
    return int(row[-1])


def read(page: Image.Image, expected: str) -> Reading:
    """Read a page and compare it with its text."""
    begin = time.perf_counter()
    try:
        parts = read_page(page)
    except CorpusError:
        return Reading(None, time.perf_counter() - begin)
    seconds = time.perf_counter() - begin
    text = " ".join(" ".join(map(_words, parts)).split())
    return Reading(1 - distance(text, expected) / len(expected), seconds)


def _words(part: Part) -> str:
    return part.words or " ".join(f"{name} {words}" for name, words in part.cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=PAGES, help="of each language")
    pages = parser.parse_args().pages
    fonts = [font for font in FONTS if Path(font).exists()]
    changes: dict[str, Change] = {"clean": clean, "skewed by 2°": skewed, "noisy": noisy}
    read_page(drawn(["A page for warming up."], fonts[0], 150))
    print(f"| text, dpi | {' | '.join(changes)} | s a page |\n|---|{'---|' * (len(changes) + 1)}")
    for language, source in (("English", english()), ("German", GERMAN), ("Russian", RUSSIAN)):
        for dpi in (150, 300):
            cells, seconds = [], []
            for change in changes.values():
                chance = random.Random(dpi)
                readings = [
                    read(change(drawn(paragraphs, fonts[n % len(fonts)], dpi), chance), " ".join(paragraphs))
                    for n, paragraphs in enumerate(texts(source)[:pages])
                ]
                right = [reading.right for reading in readings if reading.right is not None]
                refused = len(readings) - len(right)
                words = [f"{statistics.fmean(right):.4f}"] if right else []
                words += [f"{refused} of {len(readings)} refused"] if refused else []
                cells.append(", ".join(words))
                seconds += [reading.seconds for reading in readings]
            print(f"| {language}, {dpi} | {' | '.join(cells)} | {statistics.fmean(seconds):.1f} |", flush=True)


if __name__ == "__main__":
    main()
