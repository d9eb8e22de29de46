"""Pictures of scanned pages, to be shown beside the text that was read from them."""

import io

import pypdfium2
from PIL import Image

from qa.documents.ocr.scans import MOST_PIXELS, on_paper
from qa.errors import CorpusError

SIDE = 1600  # pixels of the longer one
QUALITY = 75  # of JPEG, in hundredths


def picture(data: bytes, suffix: str, page: int) -> bytes:
    """Render a page of a PDF or a picture, numbered from 1, as JPEG; raises CorpusError if there is none."""
    written = io.BytesIO()
    try:
        (_of_pdf if suffix == ".pdf" else _of_picture)(data, page - 1).save(written, "JPEG", quality=QUALITY)
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError) as error:
        raise CorpusError(f"page {page} can't be shown: {error}") from None
    return written.getvalue()


def _of_pdf(data: bytes, number: int) -> Image.Image:
    page = pypdfium2.PdfDocument(data)[number]
    shown: Image.Image = page.render(scale=SIDE / max(*page.get_size(), 1.0)).to_pil()
    return shown


def _of_picture(data: bytes, number: int) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    frame = Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF"))
    frame.seek(number)
    return on_paper(frame, "RGB", SIDE)
