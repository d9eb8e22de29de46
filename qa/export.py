"""An index → a question box that needs no server: a folder for any static host, or one HTML file.

It has the documents and what they are found by, both networks in 8 bits, ONNX Runtime for browsers, and the asking side
of this package in JavaScript, web/static/box/.
"""

import base64
import gzip
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import load_reader
from qa.assistant import Assistant
from qa.encoder.bundled import BUNDLED
from qa.encoder.onnx_export import ABOUT, HEADS, INT8, MODEL, TOKENIZER
from qa.encoder.onnx_runtime import OnnxEncoder, load
from qa.encoder.onnx_web import split
from qa.errors import EncoderError, SettingsError, StoreError
from qa.files import sha256
from qa.index import snapshots
from qa.index.local.columns import QuantizedVectors
from qa.index.local.layered import LayeredStore
from qa.index.local.lexical import InvertedIndexBuilder
from qa.index.local.store import LocalStore
from qa.index.snapshots import CALIBRATION, ENCODER
from qa.index.store import indexed_text
from qa.question.small_talk import NAMED, topics_of
from qa.text.blocks import plain_blocks
from qa.text.languages import LANGUAGES, stop_words
from qa.text.normalization import WORD, fold
from qa.text.terms import Analyzer
from qa.types import Document, Passage, Progress
from qa.web.words import STATIC, widget_script

BOX = STATIC / "box"
RUNTIME = BUNDLED / "onnxruntime-web"  # where `make runtime` puts its files
LOADER, WASM, VERSION = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm", "onnxruntime-web.json"
MANIFEST = "box.json"  # says where the parts are, and marks a folder as an export
PAGE_SCRIPTS = ("types.js", "box.js", "page.js")  # what the page runs, of which a worker needs only the first
IMPORT = re.compile(r'^import \{ (.+) \} from "\./([\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:class|const|async function|function) (\w+))", re.MULTILINE)
EXPORTED, AS = re.compile(r"export\{([^}]+)\};?"), re.compile(r"(\w+) as (\w+)")  # as ONNX Runtime's bundle has it
POLICY = (
    "default-src 'none'; script-src {scripts} 'wasm-unsafe-eval'; worker-src {own}; connect-src {own}; "
    "style-src {style}; base-uri 'none'; form-action 'none'"
)


class Box:
    """What an assistant answers from, as it is exported: parts by their names, and scripts in the order of imports.

    `index` is the folder of the assistant's index, `encoder` the encoder's name. Raises EncoderError, SettingsError or
    StoreError where it can't be exported.
    """

    def __init__(
        self, assistant: Assistant, index: Path, encoder: str, threshold: float, sure: float, progress: Progress
    ) -> None:
        store = assistant.store
        if not isinstance(store, LocalStore | LayeredStore):
            raise SettingsError("an index in Milvus can't be exported: run `qa export` with QA_STORE=local")
        _check_runtime()
        folders = _networks(index / ENCODER, encoder)
        progress("export", 0, 3)
        passages, vectors = store.contents()
        ids = list(dict.fromkeys(passage.document_id for passage in passages))
        self.documents = [document for id_ in ids if (document := assistant.document(id_))]
        analyzer = Analyzer(_language(index))
        about, arrays = _searched(store, passages, vectors, analyzer)
        about |= {
            "documents": [_document(d, assistant.originals.address(d)) for d in self.documents],
            "passages": [
                (ids.index(p.document_id), p.heading, p.start, p.end, [(s.start, s.end, *s[3:]) for s in p.sentences])
                for p in passages
            ],
            "topics": topics_of(store, NAMED),
            "encoder": json.loads((folders["encoder"] / ABOUT).read_text("utf-8")),
            "vocabulary": _vocabulary(folders["encoder"] / TOKENIZER),
            "calibration": dict(Calibration.load(index / CALIBRATION).weights),
            "threshold": threshold,
            "sure": sure,
        }
        progress("export", 1, 3)
        with np.load(folders["reader"] / HEADS, allow_pickle=False) as heads:
            about["arrays"], numbers = _packed(arrays | {name: heads[name] for name in heads.files})
        graphs, weights = split({name: folder / MODEL for name, folder in folders.items()})
        written = json.dumps(about, ensure_ascii=False, separators=(",", ":")).encode()
        runtime = (RUNTIME / WASM).read_bytes()
        raw = {"index": written, "arrays": numbers, "weights": weights, "runtime": runtime, **graphs}
        progress("export", 2, 3)
        self.parts = {name: gzip.compress(part, 6, mtime=0) for name, part in raw.items()}
        self.scripts = _scripts()
        progress("export", 3, 3)

    def write_folder(self, folder: Path, title: str) -> dict[str, int]:
        """Write it as files for a static host, in the place of an export that is there.

        Returns what was written, with the bytes of each; raises StoreError where that can't be done.
        """
        if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
            raise StoreError(f"{folder} is there already and isn't an export: give another name, or delete it")
        code = f"code-{_short_hash(''.join(self.scripts.values()).encode())}"
        places = {name: f"parts/{name}-{_short_hash(part)}.bin" for name, part in self.parts.items()}
        scripts = {"box": f"{code}/box.js", "worker": f"{code}/worker.js", "ort": f"{code}/ort.js"}
        about = {"title": title, "date": date.today().isoformat(), "documents": [d.id for d in self.documents]}
        page = self._page(
            title,
            POLICY.format(scripts="'self'", own="'self'", style="'self'"),
            style=f'<link rel="stylesheet" href="{code}/page.css">',
            index=f'data-index="{MANIFEST}"',
            scripts=f'<script type="module" src="widget.js" data-button="off"></script>\n'
            f'<script type="module" src="{code}/page.js"></script>',
        )
        files = {f"{code}/{name}": text.encode() for name, text in self.scripts.items()}
        files |= {places[name]: part for name, part in self.parts.items()}
        files[f"{code}/page.css"] = (BOX / "page.css").read_bytes()
        files["widget.js"] = widget_script(exported=True).encode()
        files["index.html"] = page.encode()
        files[MANIFEST] = json.dumps(about | scripts | {"parts": places}, ensure_ascii=False, indent=1).encode()
        making = folder.with_name(f".{folder.name}-making")
        try:
            shutil.rmtree(making, ignore_errors=True)
            for name, data in files.items():
                (making / name).parent.mkdir(parents=True, exist_ok=True)
                (making / name).write_bytes(data)
            if folder.exists():
                shutil.rmtree(folder)
            making.rename(folder)
        except OSError as error:
            shutil.rmtree(making, ignore_errors=True)
            raise StoreError(f"the export can't be written to {folder} ({error.strerror})") from error
        return {str(folder / name): len(files[name]) for name in ("index.html", MANIFEST, *places.values())}

    def write_file(self, out: Path, title: str) -> dict[str, int]:
        """Write it as one HTML file, whose name ends in .html; returns its size, raises StoreError."""
        path = out if out.suffix == ".html" else out.with_name(f"{out.name}.html")
        style, begin = (BOX / "page.css").read_text("utf-8"), (BOX / "single.js").read_text("utf-8")
        scripts = {name: self.scripts[name] for name in PAGE_SCRIPTS}
        scripts |= {"worker.js": _joined(self.scripts), "widget.js": widget_script(exported=True)}
        scripts = {name: text.replace("</script", r"<\/script") for name, text in scripts.items()}  # it would end there
        parts = {name: base64.b64encode(part).decode() for name, part in self.parts.items()}
        page = self._page(
            title,
            POLICY.format(scripts=f"'{_policy_hash(begin)}' blob:", own="blob:", style=f"'{_policy_hash(style)}'"),
            style=f"<style>{style}</style>",
            index="",
            scripts="\n".join(
                [
                    *(f'<script type="text/plain" data-module="{n}">{s}</script>' for n, s in scripts.items()),
                    *(f'<script type="text/plain" data-part="{n}">{part}</script>' for n, part in parts.items()),
                    f"<script>{begin}</script>",
                ]
            ),
        )
        making = path.with_name(f".{path.name}-making")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            making.write_text(page, "utf-8")
            making.replace(path)
        except OSError as error:
            making.unlink(missing_ok=True)
            raise StoreError(f"the export can't be written to {path} ({error.strerror})") from error
        return {str(path): path.stat().st_size}

    def _page(self, title: str, policy: str, **filled: str) -> str:
        links = (
            f'<li><a href="#source/{place}?start=0&amp;end=0">{escape(name)}</a></li>'
            for place, name in ((quote(d.id, ""), d.title) for d in self.documents)
        )
        summary = f"Documents: {len(self.documents)}, exported on {date.today().isoformat()}"
        filled |= {"title": escape(title), "policy": policy, "summary": summary, "documents": "\n".join(links)}
        return re.sub(r"\{(\w+)\}", lambda found: filled[found[1]], (BOX / "page.html").read_text("utf-8"))


def _check_runtime() -> None:
    """Raise EncoderError unless the files of ONNX Runtime for browsers are there and as they should be."""
    known = json.loads((RUNTIME / VERSION).read_text("utf-8"))
    for name, expected in known["sha256"].items():
        if not (RUNTIME / name).is_file() or sha256(RUNTIME / name) != expected:
            package = f"onnxruntime-web@{known['version']}"
            raise EncoderError(
                f"ONNX Runtime for browsers isn't in {RUNTIME}: run `make runtime`, or there `npm pack {package}` and "
                f"`tar -xzf onnxruntime-web-*.tgz --strip-components=2 package/dist/{LOADER} package/dist/{WASM}`"
            )


def _networks(folder: Path, encoder: str) -> dict[str, Path]:
    """The folders of the encoder and of the reader in 8 bits; raises EncoderError where there is none."""
    encodes, reads = load(encoder, folder, "int8"), load_reader(folder)
    if not isinstance(encodes, OnnxEncoder) or not encodes.fingerprint.endswith(INT8):
        raise EncoderError(f"the encoder {encoder!r} has no network in 8 bits, which an export needs: unset QA_ENCODER")
    about = json.loads((reads.folder / ABOUT).read_text("utf-8")) if reads.folder.is_dir() else {}
    if not str(about.get("fingerprint")).endswith(INT8):
        raise EncoderError(f"{folder} has no reader in 8 bits, which an export needs: make that folder writable")
    return {"encoder": encodes.folder, "reader": reads.folder}


def _language(index: Path) -> str:
    folder = snapshots.current(index)
    return str(snapshots.manifest(folder)["language"]) if folder else "en"


def _vocabulary(path: Path) -> list[str]:
    """The pieces of words that the encoder knows, by their numbers; raises EncoderError where it reads otherwise."""
    found = json.loads(path.read_text("utf-8"))
    reads = found["model"]["type"], found["normalizer"]["type"], found["normalizer"].get("lowercase")
    if reads != ("WordPiece", "BertNormalizer", True):
        raise EncoderError("the encoder doesn't read text as BERT does, which an export needs: unset QA_ENCODER")
    return sorted(found["model"]["vocab"], key=found["model"]["vocab"].__getitem__)


def _document(document: Document, address: str) -> dict[str, Any]:
    kept = ("kind", "start", "end", "level", "list", "anchor")
    blocks = [{name: getattr(b, name) for name in kept} for b in document.blocks or plain_blocks(document.text)]
    about = {"id": document.id, "title": document.title, "text": document.text, "blocks": blocks}
    return about | {"address": address, "scanned": document.scanned}


def _searched(
    store: LocalStore | LayeredStore, passages: Sequence[Passage], vectors: QuantizedVectors, analyzer: Analyzer
) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """What passages are found by: their words, and columns of numbers."""
    texts = [indexed_text(passage) for passage in passages]
    of = {word: "".join(analyzer.terms(word)) for text in texts for word in WORD.findall(text.lower())}
    terms = sorted({term for term in of.values() if term})
    number = {term: n for n, term in enumerate(terms)}
    taken = InvertedIndexBuilder()
    for text in texts:
        taken.append(analyzer.terms(text))
    lexical, idf = taken.finish(store.average_length), store.idf(terms)
    columns = [lexical.postings(term) for term in terms]
    words = Counter(word for text in texts for word in WORD.findall(fold(text)))
    about = {
        "language": analyzer.language,
        "languages": [{"code": c, "name": n.capitalize(), "stop": sorted(stop_words(c))} for c, n in LANGUAGES.items()],
        "stop": sorted({fold(word) for word in stop_words(analyzer.language)}),
        "terms": terms,
        "words": {word: number.get(term, -1) for word, term in of.items()},
        "frequencies": store.frequencies(list(words)),
    }
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "vectors": vectors.passages,
        "sentences": vectors.sentences,
        "scales": vectors.scales,
        "first_sentences": vectors.first_sentences.astype(np.int32),
        "first_passages": np.cumsum([0, *(len(having) for having, _ in columns)]).astype(np.int32),
        "passages": np.concatenate([having for having, _ in columns]).astype(np.int32),
        "weights": np.concatenate([weights for _, weights in columns]).astype(np.float32),
        "idf": np.array([idf[term] for term in terms], dtype=np.float32),
    }
    return about, arrays


def _packed(arrays: Mapping[str, np.ndarray[Any, Any]]) -> tuple[dict[str, tuple[str, int, int, int]], bytes]:
    """Arrays one after the other, and for each its kind, where it begins, its size and how many are in a row."""
    places, data = {}, bytearray()
    for name, array in arrays.items():
        places[name] = array.dtype.name, len(data), array.size, array.shape[-1]
        data += np.ascontiguousarray(array).tobytes()
        data += b"\0" * (-len(data) % 8)
    return places, bytes(data)


def _scripts() -> dict[str, str]:
    """The box's scripts and ONNX Runtime's, each behind those that it imports."""
    scripts = {path.name: path.read_text("utf-8") for path in sorted(BOX.glob("*.js")) if path.name != "single.js"}
    scripts["ort.js"] = (RUNTIME / LOADER).read_text("utf-8")
    needs = {name: {other for _, other in IMPORT.findall(text)} for name, text in scripts.items()}
    return {name: scripts[name] for name in TopologicalSorter(needs).static_order()}


def _joined(scripts: Mapping[str, str]) -> str:
    """The worker's scripts as one that is no module: of a page that was opened from a file, browsers start no other."""
    parts = ["var modules = {};"]
    for name, text in scripts.items():
        if name in PAGE_SCRIPTS[1:]:
            continue
        exported = ", ".join(EXPORT.findall(text))
        body = EXPORT.sub("", IMPORT.sub(r'const { \1 } = modules["\2"];', text))
        body = EXPORTED.sub(lambda found: "return {" + AS.sub(r"\2: \1", found[1]) + "};", body)
        body = body.replace("import.meta.url", "self.location.href")
        parts.append(f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();')
    return "\n".join(parts)


def _policy_hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _short_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
