"""The whole of it: documents → index → answers."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from qa import corpus as corpora
from qa import indexing
from qa.answer.calibration import Calibration
from qa.answer.cross_encoder import CrossEncoder, load_reader, load_reader_in_memory
from qa.answer.reader import SURE, THRESHOLD, Findings, Reader
from qa.answer.retriever import Retriever
from qa.corpus import MAX_FILE_MB
from qa.encoder import DEFAULT, Encoder
from qa.errors import StoreError
from qa.followup import formulations
from qa.hints import hint, is_small_talk, topics_of
from qa.indexing import Changes, Progress
from qa.originals import Originals
from qa.recent import Recent
from qa.runtime import DEFAULT_RUNTIME, load, load_in_memory
from qa.sharing import share
from qa.spelling import corrected
from qa.stores import Shared, Store
from qa.stores.layered import open_store
from qa.terms import Analyzer, detect_language
from qa.together import Turns
from qa.types import Answer, Citation, Document

CALIBRATION = "calibration"  # the folder in the index where `qa calibrate` keeps what it fitted
SURER = 0.5  # of confidence, by which a later question is a new one rather than a follow-up
ATTEMPTS = 3  # to open an index that others write to
ENCODER = "encoder"  # the one where the encoder and the reader are kept as they are run
TEXTS = "texts"  # and the one where texts are kept that took long to convert

NO_ORIGINALS = Originals()

History = Sequence[tuple[str, str]]  # questions and their answers, oldest first


class Assistant:
    """Answers questions with the words of the documents that it was opened with."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        analyzer: Analyzer,
        reader: CrossEncoder,
        calibration: Calibration,
        threshold: float = THRESHOLD,
        sure: float = SURE,
        originals: Originals = NO_ORIGINALS,
    ) -> None:
        self.store = store
        self.originals = originals
        self.generation = ""  # the name of the index's generation that answers; empty in memory
        self.changes = Changes()  # what opening it has changed in the index
        self.encoder = encoder
        self._analyzer = analyzer
        self.skipped: dict[str, str] = {}  # files that couldn't be read, and why
        self._document = Recent(store.document)
        self._turns = None if store.waits else Turns()
        self._retrieve = Retriever(store, encoder, analyzer, self._turns)
        self._read = Reader(reader, calibration, store, threshold, sure)

    @classmethod
    def open(  # noqa: PLR0913  # every setting of the documents and of answering
        cls,
        corpus: Path | str | Sequence[Path | str] = "corpus",
        index: Path | str = "index",
        encoder: str | Encoder = DEFAULT,
        *,
        threshold: float = THRESHOLD,
        sure: float = SURE,
        language: str = "auto",
        runtime: str = DEFAULT_RUNTIME,
        max_file_mb: int = MAX_FILE_MB,
        source_url: str = "",
        progress: Progress = lambda *_: None,
        store: Shared | None = None,
    ) -> "Assistant":
        """An assistant over a folder, or over several files, folders and patterns, whose index is brought up to date.

        Below a confidence of `threshold` the assistant abstains, below `sure` its answers are unsure. `language`, a
        code of qa.terms.LANGUAGES, says whose stems and stop words the documents have; "auto" detects it. `encoder` is
        a name that qa.runtime.load knows, or one that is loaded. `source_url` says where the documents are published,
        as qa.originals reads it. With a `store` the index is there, in Milvus; `index` has what speeds up building it.
        Raises CorpusError, EncoderError, SettingsError or StoreError.
        """
        originals = Originals.read(source_url)
        places = [corpus] if isinstance(corpus, Path | str) else corpus
        found = corpora.read(places, Path(index) / TEXTS, max_file_mb, progress)
        loaded = load(encoder, Path(index) / ENCODER, runtime) if isinstance(encoder, str) else encoder
        if language == "auto":
            language = detect_language([document.text for document in found.documents])
        analyzer = Analyzer(language)
        reader = load_reader(Path(index) / ENCODER)
        calibration = Calibration.load(Path(index) / CALIBRATION)
        parts = found.documents, Path(index), loaded, analyzer, progress
        opened, generation, changes = share(store, *parts) if store else _local(*parts)
        assistant = cls(opened, loaded, analyzer, reader, calibration, threshold, sure, originals)
        assistant.generation, assistant.changes, assistant.skipped = generation, changes, found.skipped
        return assistant

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        encoder: Encoder | None = None,
        *,
        threshold: float = THRESHOLD,
        sure: float = SURE,
    ) -> "Assistant":
        """An assistant over documents in memory, with nothing on disk; raises CorpusError where they hold no text."""
        encoder = encoder or load_in_memory(DEFAULT)
        analyzer = Analyzer(detect_language([document.text for document in documents]))
        store = indexing.build(documents, encoder, analyzer)
        reader = load_reader_in_memory()
        return cls(store, encoder, analyzer, reader, Calibration.load(), threshold, sure)

    def document(self, document_id: str) -> Document | None:
        """The document of this id, or None where it isn't indexed."""
        return self._document(document_id)

    def findings(self, question: str) -> Findings:
        """What reading the passages that fit a question best has shown, which `qa calibrate` learns from."""
        return self._read.findings(self._retrieve(question))

    def topics(self, k: int) -> list[str]:
        """Up to k of what the documents are about, by their own headings or titles, from all over them."""
        return topics_of(self.store, k)

    def ask(self, question: str, history: History = ()) -> Answer:
        """Answer a question from the documents, or abstain; a follow-up is searched with what was asked before as well.

        `history` has the questions, best as they were searched (`Answer.standalone`), and their answers, oldest first.
        What can't be searched, as a greeting, is an abstention that says what can be asked.
        """
        with self._turns or nullcontext():
            answer = self._ask(question, history)
        return replace(answer, citations=tuple(map(self._with_source, answer.citations)))

    def _with_source(self, citation: Citation) -> Citation:
        document = self._document(citation.document_id)
        if document is None:
            return citation
        scanned = citation.page in document.scanned
        return replace(citation, original=self.originals.of(document, citation), scanned=scanned)

    def _ask(self, question: str, history: History) -> Answer:
        topical = [(asked, answer) for asked, answer in history if not is_small_talk(asked)]
        parts = self.store, self._analyzer, self.encoder.tokenizer
        texts = [corrected(text, *parts) for text in formulations(question, topical)]
        texts = [text for text in texts if self._analyzer.terms(text)] or texts[:1]  # "Why?" alone can't be searched
        if text := hint(texts[0], self._languages, self.store, self._analyzer):
            return Answer(question, question, text, citations=(), hits=(), confidence=0.0, abstained=True)
        said = topical[-1][1] if topical else ""
        answers = (self._read(question, self._retrieve(text), said) for text in texts)
        alone = next(answers)
        later = next(answers, alone)
        same = _first_place(later) == _first_place(alone)
        again = alone.confidence >= THRESHOLD and any(" ".join(c.quote.split()) in said for c in later.citations[:1])
        return alone if same or again or later.confidence <= alone.confidence - SURER else later

    @property
    def _languages(self) -> tuple[str, ...]:
        """Those that can be asked in: the encoder's own and the documents'; none where the encoder may know any."""
        own = self.encoder.language
        return tuple(dict.fromkeys((own, self._analyzer.language))) if own else ()


def _first_place(answer: Answer) -> list[tuple[str, int]]:
    return [(citation.document_id, citation.start) for citation in answer.citations[:1]]


def _local(
    documents: Sequence[Document], index: Path, encoder: Encoder, analyzer: Analyzer, progress: Progress
) -> tuple[Store, str, Changes]:
    """The store of these documents on disk, the name of its generation, and what has changed in it."""
    for attempt in range(ATTEMPTS):
        folder, changes = indexing.update(documents, index, encoder, analyzer, progress)
        try:
            return open_store(folder), folder.name, changes
        except StoreError:
            if folder.exists() or attempt == ATTEMPTS - 1:  # otherwise another process has just replaced it
                raise
    raise AssertionError
