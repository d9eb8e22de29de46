"""Milvus itself: a connection that is made anew where it was lost, and what the collections are like.

The only module that imports pymilvus.
"""

import importlib.util
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qa.errors import SettingsError, StoreError, StoreUnavailable
from qa.stores import Shared

LONGEST = 65_535  # bytes in a field
ANSWER, WRITE, CONNECT = 5.0, 60.0, 3.0  # seconds: for all tries of a question to Milvus, of a write, to connect
WAITS = (0.2, 1.0, 0.0)  # seconds after each try, none after the last
TRANSIENT = {1, 2, 4, 8}  # Milvus's codes: not ready, unavailable, too many requests, rate limit
NOT_LOADED = 101
K1, B = 1.2, 0.75  # of BM25, as in the local store

NUMBER, TEXT = "INT64", "VARCHAR"
SCHEMA = {
    "passages": {"document": NUMBER, "generation": NUMBER, "start": NUMBER, "end": NUMBER, "heading": TEXT},
    "sentences": {
        **{"document": NUMBER, "generation": NUMBER, "passage": NUMBER},
        **{"start": NUMBER, "end": NUMBER, "list": NUMBER, "opens": "BOOL", "words": TEXT},
    },
    "texts": {
        **{"document": NUMBER, "generation": NUMBER, "part": NUMBER},
        **{"id": TEXT, "title": TEXT, "path": TEXT, "digest": TEXT, "text": TEXT},
    },
    "words": {"generation": NUMBER, "frequency": NUMBER, "before": NUMBER},
    "state": {"value": TEXT},
}
INDEXED = ("document", "passage", "id")  # fields that rows are found by

Row = dict[str, Any]


class Database:
    """A connection to Milvus, made anew where it was lost."""

    def __init__(self, shared: Shared) -> None:
        if importlib.util.find_spec("pymilvus") is None:
            raise SettingsError("QA_STORE needs pymilvus: pip install 'question-box[milvus]'")
        self.uri = shared.uri
        self._token = shared.token
        self._client: Any = None

    def call(self, method: str, *arguments: Any, seconds: float = ANSWER, **options: Any) -> Any:
        """What a method of pymilvus's client gives, tried again where Milvus doesn't answer.

        Raises StoreUnavailable where it doesn't within `seconds`, and StoreError where it can't do that.
        """

        def do(client: Any, left: float) -> Any:
            return getattr(client, method)(*arguments, timeout=left, **options)

        return self._try(do, seconds, arguments[0] if arguments else "")

    def everything(self, name: str, which: str, fields: list[str]) -> list[Row]:
        """All rows of a collection that a filter lets through, however many they are."""

        def pages(client: Any, left: float) -> list[Row]:
            iterator = client.query_iterator(name, filter=which, output_fields=fields, timeout=left)
            found = []
            while page := iterator.next():
                found += page
            iterator.close()
            return found

        rows: list[Row] = self._try(pages, WRITE, name)
        return rows

    def names(self) -> list[str]:
        """The collections that are there."""
        return list(self.call("list_collections"))

    def create(self, name: str, kind: str, dimension: int) -> None:
        """Make a collection of this kind, unless it is there."""
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        schema, index = MilvusClient.create_schema(auto_id=False), MilvusClient.prepare_index_params()
        schema.add_field("key", DataType.INT64, is_primary=True)
        for field, type_name in SCHEMA[kind].items():
            options = {"max_length": LONGEST} if type_name == TEXT else {}
            schema.add_field(field, DataType[type_name], **options)
            if field in INDEXED:
                index.add_index(field, index_type="INVERTED")
        own = kind in ("passages", "sentences")  # the others have vectors only as Milvus wants one in each collection
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension if own else 2)
        index.add_index("vector", index_type="AUTOINDEX" if kind == "passages" else "FLAT", metric_type="IP")
        if kind == "passages":
            # the terms are words of letters and digits with spaces between, which Milvus Lite's only tokenizer keeps
            terms = {"max_length": LONGEST, "enable_analyzer": True, "analyzer_params": {"tokenizer": "standard"}}
            schema.add_field("terms", DataType.VARCHAR, **terms)
            schema.add_field("lexical", DataType.SPARSE_FLOAT_VECTOR)
            schema.add_function(Function("bm25", FunctionType.BM25, ["terms"], ["lexical"]))
            weights = {"bm25_k1": K1, "bm25_b": B}
            index.add_index("lexical", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=weights)
        if name not in self.names():
            self.call("create_collection", name, schema=schema, seconds=WRITE)
        self.call("create_index", name, index, sync=False, seconds=WRITE)
        self.call("load_collection", name, seconds=WRITE)

    def close(self) -> None:
        """Let go of the connection; the next call makes another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _try(self, do: Callable[[Any, float], Any], seconds: float, collection: str) -> Any:
        until, reason = time.monotonic() + seconds, ""
        for wait in WAITS:
            client = None
            try:
                client = self._connected(until - time.monotonic())
                left = max(0.1, until - time.monotonic())
                try:
                    return do(client, left)
                except Exception as error:
                    if getattr(error, "code", 0) != NOT_LOADED:
                        raise
                    client.load_collection(collection, timeout=left)  # Milvus Lite forgets it when it is stopped
                    return do(client, left)
            except Exception as error:  # pymilvus lets those of gRPC through, and others where a connection is closed
                reason = _reason(error)
                if not _is_transient(error):
                    raise StoreError(f"the store {self.uri} can't do that ({reason}): {_remedy(reason)}") from None
            if self._client is client:
                self.close()
            if not wait or time.monotonic() + wait > until:
                break
            time.sleep(wait)
        raise StoreUnavailable(f"the store {self.uri} doesn't answer ({reason}): start it, or try again in a moment")

    def _connected(self, seconds: float) -> Any:
        if self._client is None:
            from pymilvus import MilvusClient

            for library in ("pymilvus", "milvus_lite"):  # they print tracebacks of what is handled here
                logging.getLogger(library).setLevel(logging.CRITICAL)
            if self.uri.endswith(".db"):
                Path(self.uri).parent.mkdir(parents=True, exist_ok=True)
            timeout = max(0.1, min(CONNECT, seconds))
            self._client = MilvusClient(self.uri, token=self._token, timeout=timeout, dedicated=True)
        return self._client


def _is_transient(error: Exception) -> bool:
    import grpc
    from pymilvus.exceptions import ConnectionConfigException, MilvusException, ParamError

    error = _origin(error)
    if isinstance(error, grpc.RpcError):
        codes = grpc.StatusCode
        return error.code() in (codes.UNAVAILABLE, codes.DEADLINE_EXCEEDED, codes.CANCELLED, codes.RESOURCE_EXHAUSTED)
    if isinstance(error, ConnectionConfigException | ParamError):
        return False
    if isinstance(error, MilvusException):
        return error.retriable or error.code in TRANSIENT
    return isinstance(error, ValueError | OSError)  # the channel was closed by another thread that had lost it


def _reason(error: Exception) -> str:
    """The first line of what is wrong."""
    error = _origin(error)
    text = error.details() if hasattr(error, "details") else getattr(error, "message", error)
    return (str(text).strip().splitlines() or [type(error).__name__])[0][:200]


def _origin(error: Exception) -> Exception:
    """The error of gRPC that pymilvus made another of, if it is one."""
    import grpc

    return error.__cause__ if isinstance(error.__cause__, grpc.RpcError) else error


def _remedy(reason: str) -> str:
    if "local milvus" in reason:
        return "one process at a time can have it open, more need a Milvus server"
    return "check QA_STORE and QA_STORE_TOKEN, then run `qa index`"
