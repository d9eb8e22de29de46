"""Assistant: the package in one object. `open` goes from files to an index, `ask` from a question to an answer."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder, load_reader, load_reader_in_memory
from qa.answer.originals import Originals
from qa.answer.reader import Ranking, Reader
from qa.answer.retriever import Retriever
from qa.documents.load import read as load_documents
from qa.encoder.base import Encoder
from qa.encoder.batching import Turns
from qa.encoder.bundled import DEFAULT
from qa.encoder.onnx_runtime import check_encoder, load, load_in_memory
from qa.errors import StoreError
from qa.index.build import Indexer, silent
from qa.index.local.layered import open_store
from qa.index.milvus.update import update_milvus
from qa.index.recent import RecentDocuments
from qa.index.snapshots import CALIBRATION, ENCODER, EXAMPLES, TEXTS
from qa.index.store import MilvusOptions, Store
from qa.index.update import Changes, update
from qa.question.examples import Kept, find
from qa.question.followup import formulations
from qa.question.small_talk import hint, is_small_talk
from qa.question.spelling import corrected
from qa.settings import DEFAULTS
from qa.text.languages import detect_language
from qa.text.terms import Analyzer
from qa.types import Answer, Citation, Document, Progress

MAX_LOSS = 0.5  # of confidence, compared with the question alone, up to which a follow-up is taken for one
ATTEMPTS = 3  # to open an index that other processes write to

NO_ORIGINALS = Originals()

History = Sequence[tuple[str, str]]  # questions and their answers, oldest first


class Opened(NamedTuple):
    """What was opened."""

    snapshot: str = ""  # its name; empty in memory
    changes: Changes = Changes()  # since the snapshot before
    skipped: Mapping[str, str] = MappingProxyType({})  # files that weren't read, each with the reason
    kept: Kept | None = None  # the examples found for the snapshot


IN_MEMORY = Opened()


class Assistant:
    """Answers questions in the words of its documents."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        analyzer: Analyzer,
        reader: CrossEncoder,
        calibration: Calibration,
        *,
        threshold: float = DEFAULTS.threshold,
        sure: float = DEFAULTS.sure,
        originals: Originals = NO_ORIGINALS,
        opened: Opened = IN_MEMORY,
    ) -> None:
        self.store = store
        self.encoder, self.reader = encoder, reader
        self.originals = originals
        self.snapshot, self.changes, self.skipped, self._kept = opened
        self._examples = self._kept.current if self._kept else None
        self._analyzer = analyzer
        self._document = RecentDocuments(store.document)
        self._turns = None if store.waits else Turns()
        self._retrieve = Retriever(store, encoder, analyzer, self._turns)
        self._read = Reader(reader, calibration, store, threshold, sure)

    @classmethod
    def open(  # noqa: PLR0913  # every setting of the documents and of answering
        cls,
        corpus: Path | str | Sequence[Path | str] = DEFAULTS.corpus,
        index: Path | str = DEFAULTS.index,
        encoder: str | Encoder = DEFAULTS.encoder,
        *,
        threshold: float = DEFAULTS.threshold,
        sure: float = DEFAULTS.sure,
        language: str = DEFAULTS.language,
        runtime: str = DEFAULTS.runtime,
        max_file_mb: int = DEFAULTS.max_file_mb,
        source_url: str = DEFAULTS.source_url,
        examples: Sequence[str] = (),
        progress: Progress = silent,
        store: MilvusOptions | None = None,
        reader: CrossEncoder | None = None,
    ) -> "Assistant":
        """Bring the index of a corpus up to date and answer from it.

        `corpus` is a folder, a file, a pattern, or several of these. Below a confidence of `threshold` the assistant
        abstains, below `sure` its answers are unsure. `language` is the code of the documents' language, for stems and
        stop words; "auto" detects it. `encoder` is a name, or an encoder that is loaded already. `source_url` says
        where the documents are published: see `Originals.read`. `examples` are questions to begin with, instead of
        those that `find_examples` finds. With a `store` the index is in Milvus, and the folder `index` only holds
        caches. `reader` is one that is loaded already. Raises CorpusError, EncoderError, SettingsError or StoreError.
        """
        places = [corpus] if isinstance(corpus, Path | str) else corpus
        originals = Originals.read(source_url)
        analyzer = None if language == "auto" else Analyzer(language)
        index = Path(index)
        if isinstance(encoder, str):
            check_encoder(encoder, index / ENCODER, runtime)  # before what takes long
        read = load_documents(places, index / TEXTS, max_file_mb, progress)
        encoder = load(encoder, index / ENCODER, runtime) if isinstance(encoder, str) else encoder
        analyzer = analyzer or Analyzer(detect_language([document.text for document in read.documents]))
        reader, calibration = reader or load_reader(index / ENCODER), Calibration.load(index / CALIBRATION)
        indexer = Indexer(encoder, analyzer, progress)
        opened, snapshot, changes = (
            update_milvus(store, read.documents, index, indexer) if store else _update(read.documents, index, indexer)
        )
        return cls(
            opened,
            encoder,
            analyzer,
            reader,
            calibration,
            threshold=threshold,
            sure=sure,
            originals=originals,
            opened=Opened(snapshot, changes, read.skipped, Kept(index / EXAMPLES, snapshot, tuple(examples))),
        )

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        encoder: Encoder | None = None,
        *,
        threshold: float = DEFAULTS.threshold,
        sure: float = DEFAULTS.sure,
        progress: Progress = silent,
        reader: CrossEncoder | None = None,
    ) -> "Assistant":
        """Index documents in memory, without writing anything to the disk; raise CorpusError if they hold no text."""
        encoder = encoder or load_in_memory(DEFAULT)
        analyzer = Analyzer(detect_language([document.text for document in documents]))
        store = Indexer(encoder, analyzer, progress).build(documents)
        reader, calibration = reader or load_reader_in_memory(), Calibration.load()
        return cls(store, encoder, analyzer, reader, calibration, threshold=threshold, sure=sure)

    def ask(self, question: str, history: History = (), context: str = "") -> Answer:
        """Answer a question from the documents, or abstain.

        `history` holds earlier (question, answer) pairs, oldest first, its questions best as they were searched
        (`Answer.standalone`). A question that can't be searched, such as a greeting, gets an abstention whose text says
        what can be asked. `context` is the path of a document or of a folder: what stands there is asked first, and all
        documents are asked where that gives no sure answer.
        """
        with self._turns or nullcontext():
            answer = self._ask(question, history, context)
        return replace(answer, citations=tuple(map(self._with_source, answer.citations)))

    def document(self, document_id: str) -> Document | None:
        """Return the document with this id, or None if it isn't indexed."""
        return self._document(document_id)

    @property
    def examples(self) -> tuple[str, ...]:
        """Questions to begin with, which the documents answer; none before they are found."""
        return self._examples or ()

    def find_examples(self) -> tuple[str, ...]:
        """Find the examples, unless they were found for these documents before; it takes some seconds."""
        if self._examples is None:
            self._examples = find(self.store, self.ask, self._kept.read()[0] if self._kept else ())
            if self._kept:
                self._kept.write(self._examples)
        return self._examples

    def rank(self, question: str) -> Ranking:
        """Retrieve, read and rank sentences without answering: what `qa calibrate` learns from."""
        return self._read.rank(self._retrieve(question))

    def _ask(self, question: str, history: History, context: str) -> Answer:
        topical = [(asked, answer) for asked, answer in history if not is_small_talk(asked)]
        tokenizer = self.encoder.tokenizer
        texts = [corrected(t, self.store, self._analyzer, tokenizer) for t in formulations(question, topical)]
        texts = [text for text in texts if self._analyzer.terms(text)] or texts[:1]  # "Why?" alone can't be searched
        if said := hint(texts[0], self._languages, self.store, self._analyzer, self.examples):
            nothing = Answer(question, question, said.text, citations=(), hits=(), confidence=0.0, abstained=True)
            return replace(nothing, reason=said.reason, examples=said.examples, languages=said.languages)
        previous = topical[-1][1] if topical else ""
        answers = (self._answer(question, text, previous, context) for text in texts)
        alone = next(answers)
        in_context = next(answers, alone)
        return in_context if _is_followup(alone, in_context, previous) else alone

    def _answer(self, question: str, text: str, previous: str, context: str) -> Answer:
        """Answer a question searched as `text` from the context, or from all documents where those are surer."""
        near = self._retrieve(text, context) if context else None
        first = self._read(question, near, previous) if near and near.candidates else None
        if first and not (first.abstained or first.unsure):
            return first
        anywhere = self._read(question, self._retrieve(text), previous)
        return first if first and not first.abstained and first.confidence >= anywhere.confidence else anywhere

    def _with_source(self, citation: Citation) -> Citation:
        document = self._document(citation.document_id)
        if document is None:
            return citation
        scanned = citation.page in document.scanned
        return replace(citation, original=self.originals.of(document, citation), scanned=scanned)

    @property
    def _languages(self) -> tuple[str, ...]:
        """The languages that can be asked in: the encoder's and the documents', or none if the encoder may know any."""
        language = self.encoder.language
        return tuple(dict.fromkeys((language, self._analyzer.language))) if language else ()


def _is_followup(alone: Answer, in_context: Answer, previous: str) -> bool:
    """Return whether a question is better answered in the context of earlier ones than alone.

    A quote that the `previous` answer already gave was found for the earlier question, so it doesn't count unless the
    question alone finds nothing.
    """
    if _first_place(in_context) == _first_place(alone) or in_context.confidence <= alone.confidence - MAX_LOSS:
        return False
    is_repeated = any(" ".join(citation.quote.split()) in previous for citation in in_context.citations[:1])
    return not (is_repeated and alone.confidence >= DEFAULTS.threshold)


def _first_place(answer: Answer) -> list[tuple[str, int]]:
    return [(citation.document_id, citation.start) for citation in answer.citations[:1]]


def _update(documents: Sequence[Document], index: Path, indexer: Indexer) -> tuple[Store, str, Changes]:
    """Return the store of these documents on disk, the name of its snapshot, and what has changed in it."""
    for attempt in range(ATTEMPTS):
        folder, changes = update(documents, index, indexer)
        try:
            return open_store(folder), folder.name, changes
        except StoreError:
            if folder.exists() or attempt == ATTEMPTS - 1:  # else another process has just replaced it
                raise
    raise AssertionError
