"""The whole of it: documents → index → answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from qa import corpus as corpora
from qa import indexing
from qa.encoder import DEFAULT, Encoder, SentenceEncoder
from qa.followup import standalone
from qa.hints import hint, is_small_talk, topics_of
from qa.indexing import Progress
from qa.model import Model, model_for
from qa.reader import THRESHOLD, Reader
from qa.retriever import Retriever
from qa.spelling import corrected
from qa.stores import Shared, Store
from qa.stores.local import LocalStore
from qa.terms import Analyzer, detect_language
from qa.types import Answer, Document

CALIBRATION = "calibration"  # the folder in the index where `qa calibrate` keeps what it fitted

History = Sequence[tuple[str, str]]  # questions and their answers, oldest first


class Assistant:
    """Answers questions with the words of the documents that it was opened with."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        analyzer: Analyzer,
        model: Model,
        threshold: float = THRESHOLD,
        skipped: Mapping[str, str] | None = None,
        generation: str = "",
    ) -> None:
        self.store = store
        self.generation = generation  # the name of the index's generation that answers; empty in memory
        self._encoder = encoder
        self._analyzer = analyzer
        self.skipped = dict(skipped or {})  # files that couldn't be read, and why
        self._retrieve = Retriever(store, encoder, analyzer, model.basis)
        self._read = Reader(model, analyzer, store, threshold)

    @classmethod
    def open(
        cls,
        corpus: Path | str = "corpus",
        index: Path | str = "index",
        encoder: str = DEFAULT,
        *,
        threshold: float = THRESHOLD,
        language: str = "auto",
        progress: Progress = lambda *_: None,
        store: Shared | None = None,
    ) -> "Assistant":
        """An assistant over a folder of documents, whose index is built first where it isn't up to date.

        Below a confidence of `threshold` the assistant abstains. `language`, a code of qa.terms.LANGUAGES, says whose
        stems and stop words the documents have; "auto" detects it. With a `store` the index is there, in Milvus, and in
        `index` only what speeds up building it. Raises CorpusError, EncoderError or StoreError.
        """
        found = corpora.read(Path(corpus))
        loaded = SentenceEncoder(encoder)
        if language == "auto":
            language = detect_language([document.text for document in found.documents])
        analyzer = Analyzer(language)
        model = model_for(loaded.fingerprint, loaded.dimension, Path(index) / CALIBRATION)
        parts = Path(index), loaded, analyzer, model.basis, progress
        if store:
            shared = indexing.share(found.documents, store, *parts)
            return cls(shared, loaded, analyzer, model, threshold, found.skipped, shared.generation)
        folder = indexing.update(found.documents, *parts)
        return cls(LocalStore.open(folder), loaded, analyzer, model, threshold, found.skipped, folder.name)

    @classmethod
    def from_documents(
        cls, documents: Sequence[Document], encoder: Encoder | None = None, *, threshold: float = THRESHOLD
    ) -> "Assistant":
        """An assistant over documents in memory, with nothing on disk; raises CorpusError where they hold no text."""
        encoder = encoder or SentenceEncoder()
        analyzer = Analyzer(detect_language([document.text for document in documents]))
        model = model_for(encoder.fingerprint, encoder.dimension)
        store = indexing.build(documents, encoder, analyzer, model.basis)
        return cls(store, encoder, analyzer, model, threshold)

    def topics(self, k: int) -> list[str]:
        """Up to k of what the documents are about, by their own headings or titles, from all over them."""
        return topics_of(self.store, k)

    def ask(self, question: str, history: History = ()) -> Answer:
        """Answer a question from the documents, or abstain; a follow-up is made to stand alone first.

        `history` has the questions, best as they were searched (`Answer.standalone`), and their answers, oldest first.
        What can't be searched, as a greeting, is an abstention that says what can be asked.
        """
        topical = [(asked, answer) for asked, answer in history if not is_small_talk(asked)]
        alone = corrected(standalone(question, topical), self.store, self._analyzer, self._encoder.tokenizer)
        if text := hint(alone, self._languages, self.store, self._analyzer):
            return Answer(question, question, text, citations=(), hits=(), confidence=0.0, abstained=True)
        return self._read(question, self._retrieve(alone))

    @property
    def _languages(self) -> tuple[str, ...]:
        """Those that can be asked in: the encoder's own and the documents'; none where the encoder may know any."""
        own = self._encoder.language
        return tuple(dict.fromkeys((own, self._analyzer.language))) if own else ()
