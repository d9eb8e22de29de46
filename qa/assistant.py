"""The whole of it: documents → index → answers."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder, load_reader, load_reader_in_memory
from qa.answer.originals import Originals
from qa.answer.reader import Findings, Reader
from qa.answer.retriever import Retriever
from qa.documents import load as documents_in
from qa.encoder.base import Encoder
from qa.encoder.batching import Turns
from qa.encoder.bundled import DEFAULT
from qa.encoder.onnx_runtime import load, load_in_memory
from qa.errors import StoreError
from qa.index.build import Indexer, Progress, silent
from qa.index.local.layered import open_store
from qa.index.milvus.build import share
from qa.index.recent import Recent
from qa.index.snapshots import CALIBRATION, ENCODER, EXAMPLES, TEXTS
from qa.index.store import Shared, Store
from qa.index.update import Changes, update
from qa.question.examples import Kept, find
from qa.question.followup import formulations
from qa.question.hints import hint, is_small_talk
from qa.question.spelling import corrected
from qa.settings import DEFAULTS
from qa.text.languages import detect_language
from qa.text.terms import Analyzer
from qa.types import Answer, Citation, Document

SURER = 0.5  # of confidence, by which a later question is a new one rather than a follow-up
ATTEMPTS = 3  # to open an index that others write to

NO_ORIGINALS = Originals()

History = Sequence[tuple[str, str]]  # questions and their answers, oldest first


class Opened(NamedTuple):
    """What opening an index has found: its snapshot's name, what has changed, and which files were skipped, and why.

    `kept` are the examples that were found for it.
    """

    snapshot: str = ""  # empty in memory
    changes: Changes = Changes()
    skipped: Mapping[str, str] = MappingProxyType({})
    kept: Kept | None = None


IN_MEMORY = Opened()


class Assistant:
    """Answers questions with the words of the documents that it was opened with."""

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
        self.encoder = encoder
        self.originals = originals
        self.snapshot, self.changes, self.skipped, self._kept = opened
        self._examples = self._kept.current if self._kept else None
        self._analyzer = analyzer
        self._document = Recent(store.document)
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
        store: Shared | None = None,
    ) -> "Assistant":
        """Bring the index of a folder, or of several files, folders and patterns, up to date and answer from it.

        Below a confidence of `threshold` the assistant abstains, below `sure` its answers are unsure. `language` is
        the code of the documents' language, whose stems and stop words are used; "auto" detects it. `encoder` is a
        name or one that is loaded already. `source_url` says where the documents are published, see Originals.read.
        `examples` are questions to begin with, instead of those that `find_examples` finds.
        With a `store` the index is in Milvus, and the folder `index` holds only what speeds up building it.
        Raises CorpusError, EncoderError, SettingsError or StoreError.
        """
        places = [corpus] if isinstance(corpus, Path | str) else corpus
        originals = Originals.read(source_url)
        analyzer = None if language == "auto" else Analyzer(language)
        index = Path(index)
        read = documents_in.read(places, index / TEXTS, max_file_mb, progress)
        encoder = load(encoder, index / ENCODER, runtime) if isinstance(encoder, str) else encoder
        analyzer = analyzer or Analyzer(detect_language([document.text for document in read.documents]))
        reader, calibration = load_reader(index / ENCODER), Calibration.load(index / CALIBRATION)
        indexer = Indexer(encoder, analyzer, progress)
        found = share(store, read.documents, index, indexer) if store else _update(read.documents, index, indexer)
        opened, snapshot, changes = found
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
    ) -> "Assistant":
        """Answer from documents in memory, with nothing on disk; raise CorpusError where they hold no text."""
        encoder = encoder or load_in_memory(DEFAULT)
        analyzer = Analyzer(detect_language([document.text for document in documents]))
        store = Indexer(encoder, analyzer).build(documents)
        reader, calibration = load_reader_in_memory(), Calibration.load()
        return cls(store, encoder, analyzer, reader, calibration, threshold=threshold, sure=sure)

    def ask(self, question: str, history: History = ()) -> Answer:
        """Answer a question from the documents, or abstain; a follow-up is searched with what was asked before as well.

        `history` has the questions, best as they were searched (`Answer.standalone`), and their answers, oldest first.
        What can't be searched, such as a greeting, is an abstention that says what can be asked.
        """
        with self._turns or nullcontext():
            answer = self._ask(question, history)
        return replace(answer, citations=tuple(map(self._with_source, answer.citations)))

    def document(self, document_id: str) -> Document | None:
        """Return the document of this id, or None where it isn't indexed."""
        return self._document(document_id)

    @property
    def examples(self) -> tuple[str, ...]:
        """Questions to begin with, which the documents answer; none before they are found."""
        return self._examples or ()

    def find_examples(self) -> tuple[str, ...]:
        """Find the examples where that wasn't done yet for these documents; it takes some seconds."""
        if self._examples is None:
            self._examples = find(self.store, self.ask, self._kept.read()[0] if self._kept else ())
            if self._kept:
                self._kept.write(self._examples)
        return self._examples

    def findings(self, question: str) -> Findings:
        """Return what reading the passages that fit a question best has shown, for `qa calibrate` to learn from."""
        return self._read.findings(self._retrieve(question))

    def _ask(self, question: str, history: History) -> Answer:
        topical = [(asked, answer) for asked, answer in history if not is_small_talk(asked)]
        tokenizer = self.encoder.tokenizer
        texts = [corrected(t, self.store, self._analyzer, tokenizer) for t in formulations(question, topical)]
        texts = [text for text in texts if self._analyzer.terms(text)] or texts[:1]  # "Why?" alone can't be searched
        if said := hint(texts[0], self._languages, self.store, self._analyzer, self.examples):
            nothing = Answer(question, question, said.text, citations=(), hits=(), confidence=0.0, abstained=True)
            return replace(nothing, reason=said.reason, examples=said.examples, languages=said.languages)
        previous = topical[-1][1] if topical else ""
        answers = (self._read(question, self._retrieve(text), previous) for text in texts)
        alone = next(answers)
        later = next(answers, alone)
        return later if _is_followup(alone, later, previous) else alone

    def _with_source(self, citation: Citation) -> Citation:
        document = self._document(citation.document_id)
        if document is None:
            return citation
        scanned = citation.page in document.scanned
        return replace(citation, original=self.originals.of(document, citation), scanned=scanned)

    @property
    def _languages(self) -> tuple[str, ...]:
        """The languages that can be asked in, the encoder's and the documents'; none where the encoder may know any."""
        language = self.encoder.language
        return tuple(dict.fromkeys((language, self._analyzer.language))) if language else ()


def _is_followup(alone: Answer, later: Answer, previous: str) -> bool:
    """Whether a question is better answered together with those before it than alone.

    `previous` is the answer before. Where it already held the quote that the questions together find, they find it
    for the earlier one.
    """
    if _first_place(later) == _first_place(alone) or later.confidence <= alone.confidence - SURER:
        return False
    is_repeated = any(" ".join(citation.quote.split()) in previous for citation in later.citations[:1])
    return not (is_repeated and alone.confidence >= DEFAULTS.threshold)


def _first_place(answer: Answer) -> list[tuple[str, int]]:
    return [(citation.document_id, citation.start) for citation in answer.citations[:1]]


def _update(documents: Sequence[Document], index: Path, indexer: Indexer) -> tuple[Store, str, Changes]:
    """Return the store of these documents on disk, its snapshot's name, and what has changed in it."""
    for attempt in range(ATTEMPTS):
        folder, changes = update(documents, index, indexer)
        try:
            return open_store(folder), folder.name, changes
        except StoreError:
            if folder.exists() or attempt == ATTEMPTS - 1:  # otherwise another process has just replaced it
                raise
    raise AssertionError
