"""The exceptions of this package.

    QAError
    ├── SettingsError   an option or QA_ variable that can't be used
    ├── CorpusError     nothing to index, or a document that can't be read
    │   ├── NoDocuments         nothing to index
    │   └── ConversionFailed    a converter that crashed, or took too long or too much memory
    ├── EncoderError    a model that can't be loaded, or isn't the one it should be
    └── StoreError      an index that is missing, damaged or of another format
        └── StoreUnavailable    a database that doesn't answer at the moment

Each message is one line that says what is wrong, where, and what to do about it.
"""


class QAError(Exception):
    """The root: catch it to catch every error that the package raises on purpose."""


class SettingsError(QAError):
    """An option or a QA_ environment variable has a value that can't be used."""


class CorpusError(QAError):
    """There is nothing to index, or a document can't be read."""


class NoDocuments(CorpusError):  # noqa: N818
    """There is nothing to index."""


class ConversionFailed(CorpusError):  # noqa: N818
    """A file's converter crashed, or took too long or too much memory, and would do so again."""


class EncoderError(QAError):
    """The encoder can't be loaded, or its weights are not the ones they should be."""


class StoreError(QAError):
    """The index is missing, damaged, or of a format that this version doesn't read."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database that holds the index doesn't answer now; the same call may work in a moment."""
