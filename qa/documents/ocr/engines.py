"""The programs that read letters in pictures: RapidOCR, whose models come with it, so that nothing is downloaded.

Lines in letters that it doesn't know are left to Tesseract, where its languages are installed. Both are there with the
extra `ocr` only.
"""

import importlib.util
import os
import re
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.errors import CorpusError

if TYPE_CHECKING:
    from PIL.Image import Image

COMMAND = "pip install 'question-box[ocr]'"
LONGEST_SIDE = 2000  # pixels that are read of a page; 170 dots an inch of an A4 page
FOUND_SIDE = 1280  # of those, where its lines are looked for
THREADS = 2
SETTINGS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Global.max_side_len": LONGEST_SIDE,
    "Det.limit_type": "max",
    "Det.limit_side_len": FOUND_SIDE,
    "Rec.rec_batch_num": 1,  # a line at a time is as fast, and takes the least memory
    "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}
TESSDATA = "usr/share/tesseract-ocr/*/tessdata"  # where Debian has Tesseract's languages
KNOWN = {"eng", "osd", "equ", "deu", "fra", "spa", "ita", "por", "nld"}  # languages that need no Tesseract
FIRST = {"rus", "ukr", "ell"}  # of others that it has, where they are many
MOST_LANGUAGES = 3
OTHER_SCORE = 0.75  # of a line that Tesseract reads …
SURE_SCORE = 0.9  # … which tries no other way with this
NO_MEMORY = re.compile(r"bad_alloc|nsufficient memory|ailed to allocate")


def need_extra(what: str) -> None:
    """Raise CorpusError, which says what the file is and the command that helps, where pictures can't be read."""
    if importlib.util.find_spec("rapidocr") is None:
        raise CorpusError(f"{what}: to read it, {COMMAND}")


def version() -> str:
    """Name the programs that pictures are read with, with their versions and languages."""
    names = [name for name in ("rapidocr", "tesserocr") if importlib.util.find_spec(name)]
    return " ".join([f"{name} {metadata.version(name)}" for name in names] + languages()[1])


@cache
def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params=SETTINGS)


def _asked(picture: "Image", **what: bool) -> Any:
    """What RapidOCR finds in a picture."""
    import numpy as np

    try:
        return _engine()(np.asarray(picture.convert("RGB")), use_cls=False, **what)
    except Exception as error:
        if NO_MEMORY.search(str(error)):
            raise MemoryError from None
        raise


def corners_of_lines(page: "Image") -> list[list[tuple[float, float]]]:
    """Where the lines of a page are: four corners of each, from the upper left one clockwise."""
    boxes = _asked(page, use_det=True, use_rec=False).boxes
    return [] if boxes is None else [[(x, y) for x, y in box] for box in boxes.tolist()]


def read_line(strip: "Image") -> tuple[str, float]:
    """What RapidOCR reads in the picture of a line, and how sure it is, up to 1."""
    found = _asked(strip, use_det=False, use_rec=True)
    return (found.txts[0], float(found.scores[0])) if found.txts else ("", 0.0)


def read_other_letters(strip: "Image") -> tuple[str, float]:
    """What a line says in the languages that Tesseract has besides English; nothing where it isn't sure."""
    tesseract = _tesseract()
    if tesseract is None:
        return "", 0.0
    from PIL.ImageFilter import MedianFilter

    best = "", 0.0
    for filtered in (strip, strip.filter(MedianFilter(3))):  # the second one without specks
        tesseract.SetImage(filtered)
        text = tesseract.GetUTF8Text()
        best = max(best, (text, tesseract.MeanTextConf() / 100), key=lambda found: found[1])
        if best[1] >= SURE_SCORE:
            break
    return best if best[1] >= OTHER_SCORE else ("", 0.0)


@cache
def _tesseract() -> Any:
    """Tesseract with the languages that it is installed with, or None."""
    if importlib.util.find_spec("tesserocr") is None:
        return None
    folder, names = languages()
    if not names:
        return None
    from tesserocr import PSM, PyTessBaseAPI

    return PyTessBaseAPI(path=folder, lang="+".join(names), psm=PSM.SINGLE_LINE)


def languages() -> tuple[str, list[str]]:
    """The folder with Tesseract's files, and the languages that it has, without those that RapidOCR reads better."""
    folders = [os.environ.get("TESSDATA_PREFIX", ""), *sorted(map(str, Path("/").glob(TESSDATA)), reverse=True)]
    for folder in filter(None, folders):
        names = {path.stem for path in Path(folder).glob("*.traineddata")} - KNOWN
        if names:
            return folder, sorted(names, key=lambda name: (name not in FIRST, name))[:MOST_LANGUAGES]
    return "", []


def what_helps() -> str:
    """What to install for other letters, nothing where Tesseract has languages."""
    return "" if languages()[1] else "; for Cyrillic ones install Tesseract's, as by apt install tesseract-ocr-rus"
