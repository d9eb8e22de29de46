"""The collections of an index in Milvus, over a connection that recovers. The only module that imports pymilvus."""

import hashlib
import importlib.util
import json
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qa.errors import SettingsError, StoreError, StoreUnavailable
from qa.index.local.lexical import K1, B
from qa.index.store import MilvusOptions

MAX_BYTES = 65_535  # in a field
MAX_HITS = 16_384  # of one search
ROWS = 500  # written at a time
ANSWER, WRITE, CONNECT = 5.0, 60.0, 3.0  # seconds for all attempts to read, for all attempts to write, to connect
WAITS = (0.2, 1.0, 0.0)  # seconds after each attempt, none after the last
TRANSIENT = {1, 2, 4, 8}  # Milvus's codes: not ready, unavailable, too many requests, rate limit
NOT_LOADED, EXISTS = 101, "already exist"  # a code; a text, as Milvus Lite gives the same code to much else

NUMBER, TEXT = "INT64", "VARCHAR"
OF = {"document": NUMBER, "generation": NUMBER}
PLACE = {"start": NUMBER, "end": NUMBER}
SCHEMA = {
    "passages": {**OF, **PLACE, "heading": TEXT},
    "sentences": {**OF, **PLACE, "passage": NUMBER, "list": NUMBER, "opens": "BOOL", "page": NUMBER},
    "texts": {**OF, "part": NUMBER, "id": TEXT, "title": TEXT, "path": TEXT, "digest": TEXT, "text": TEXT},
    "words": {"generation": NUMBER, "frequency": NUMBER, "before": NUMBER},
    "state": {"value": TEXT},
}
EMBEDDED = ("passages", "sentences")  # the other collections have a dummy vector, as Milvus demands one
INDEXED = ("document", "passage", "id")  # the fields by which rows are found
PREFIX = "question_box_"

Row = dict[str, Any]


class Database:
    """The collections of an index, named after a hash of its settings.

    Reading the `latest` rows waits until all that was written can be seen; otherwise reads may be a little behind.
    """

    def __init__(self, options: MilvusOptions, settings: Mapping[str, str]) -> None:
        if importlib.util.find_spec("pymilvus") is None:
            raise SettingsError("QA_STORE needs pymilvus: pip install 'question-box[milvus]'")
        self.uri = options.uri
        self.name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        self.latest = False
        self._token = options.token
        self._client: Any = None

    def rows(self, kind: str, which: str, fields: Sequence[str], limit: int = 0) -> list[Row]:
        """Return the rows that match a filter, in no particular order."""
        options: Row = {"limit": limit} if limit else {}
        options |= {"filter": which, "output_fields": ["key", *fields], "consistency_level": self._level}
        return [dict(row) for row in self._call("query", self._collection(kind), **options)]

    def read_state(self, key: int, *, name: str = "", latest: bool = True) -> dict[str, Any]:
        """Return the value of a row of `state`, empty where there is none; `name` is that of another index."""
        options: Row = {"filter": f"key == {key}", "output_fields": ["value"]}
        options["consistency_level"] = "Strong" if latest else self._level
        rows = self._call("query", self._collection("state", name), **options)
        return dict(json.loads(rows[0]["value"])) if rows else {}

    def write_state(self, key: int, value: Mapping[str, Any]) -> None:
        """Set the value of a row of `state`."""
        self.write("state", [{"key": key, "value": json.dumps(value, ensure_ascii=False)}])

    def all_rows(self, kind: str, which: str, fields: Sequence[str]) -> list[Row]:
        """Return the rows that match a filter, even more than Milvus gives at once."""
        options = {"filter": which, "output_fields": ["key", *fields], "consistency_level": self._level}

        def pages(client: Any, left: float) -> list[Row]:
            iterator = client.query_iterator(self._collection(kind), timeout=left, **options)
            rows: list[Row] = []
            while page := iterator.next():
                rows += page
            iterator.close()
            return rows

        rows: list[Row] = self._try(pages, WRITE, self._collection(kind))
        return rows

    def hits(self, kind: str, by: str, what: object, k: int, which: str, fields: Sequence[str]) -> list[Row]:
        """Return the k best rows that match a filter, searching the field `by`."""
        options: Row = {"data": [what], "anns_field": by, "limit": k, "filter": which}
        options |= {"output_fields": fields, "consistency_level": self._level}
        return list(self._call("search", self._collection(kind), **options)[0])

    def write(self, kind: str, rows: Sequence[Row]) -> None:
        """Write rows, replacing those with the same keys; writing them twice does no harm."""
        more = {} if kind in EMBEDDED else {"vector": [0.0, 0.0]}
        for at in range(0, len(rows), ROWS):
            chunk = [{**row, **more} for row in rows[at : at + ROWS]]
            self._call("upsert", self._collection(kind), chunk, seconds=WRITE)

    def delete(self, kind: str, which: str) -> None:
        """Delete the rows that match a filter."""
        self._call("delete", self._collection(kind), filter=which, seconds=WRITE)

    def flush(self) -> None:
        """Have Milvus Lite index its rows, during which nothing may be read.

        A Milvus server does so by itself. A file of Milvus Lite is open in one process, which reads it only afterwards.
        """
        for kind in SCHEMA if self.uri.endswith(".db") else ():
            self._call("flush", self._collection(kind), seconds=WRITE)

    def names(self) -> list[str]:
        """Return the names of the indexes there, by their collections `state`, which are created and dropped last."""
        collections = self._call("list_collections")
        matches = (re.fullmatch(rf"{PREFIX}([0-9a-f]{{12}})_state", collection) for collection in collections)
        return sorted(match[1] for match in matches if match)

    def others(self) -> list[str]:
        """Return the names of the indexes of other settings."""
        return [name for name in self.names() if name != self.name]

    def drop(self, name: str) -> None:
        """Remove an index by its name."""
        for kind in SCHEMA:
            self._call("drop_collection", self._collection(kind, name), seconds=WRITE)

    def create(self, dimension: int) -> None:
        """Create the collections that don't exist yet."""
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        for kind, fields in SCHEMA.items():
            name, schema = self._collection(kind), MilvusClient.create_schema(auto_id=False)
            schema.add_field("key", DataType.INT64, is_primary=True)
            for field, type_name in fields.items():
                schema.add_field(field, DataType[type_name], **({"max_length": MAX_BYTES} if type_name == TEXT else {}))
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension if kind in EMBEDDED else 2)
            indexes: dict[str, Row] = {field: {"index_type": "INVERTED"} for field in INDEXED if field in fields}
            indexes["vector"] = {"index_type": "AUTOINDEX" if kind == "passages" else "FLAT", "metric_type": "IP"}
            if kind == "passages":
                # Milvus Lite's only tokenizer; it leaves terms, letters and digits between spaces, whole
                terms = {"max_length": MAX_BYTES, "enable_analyzer": True, "analyzer_params": {"tokenizer": "standard"}}
                schema.add_field("terms", DataType.VARCHAR, **terms)
                schema.add_field("lexical", DataType.SPARSE_FLOAT_VECTOR)
                schema.add_function(Function("bm25", FunctionType.BM25, ["terms"], ["lexical"]))
                weights = {"bm25_k1": K1, "bm25_b": B}
                indexes["lexical"] = {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25", "params": weights}
            self._ensure("create_collection", name, schema=schema)
            for field, options in indexes.items():
                index = MilvusClient.prepare_index_params(field, **options)
                self._ensure("create_index", name, index, sync=False)
            self._call("load_collection", name, seconds=WRITE)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def _level(self) -> str:
        return "Strong" if self.latest else "Bounded"

    def _collection(self, kind: str, name: str = "") -> str:
        return f"{PREFIX}{name or self.name}_{kind}"

    def _call(self, method: str, *arguments: Any, seconds: float = ANSWER, **options: Any) -> Any:
        """Call a method of pymilvus's client; the first argument, if any, is the collection."""

        def do(client: Any, left: float) -> Any:
            return getattr(client, method)(*arguments, timeout=left, **options)

        return self._try(do, seconds, arguments[0] if arguments else "")

    def _ensure(self, method: str, *arguments: Any, **options: Any) -> None:
        """Create something that may exist, as another process may be creating it at the same time."""
        try:
            self._call(method, *arguments, seconds=WRITE, **options)
        except StoreError as error:
            if EXISTS not in str(error):
                raise

    def _try(self, do: Callable[[Any, float], Any], seconds: float, collection: str) -> Any:
        """Return what `do` returns, trying again where Milvus doesn't answer.

        Raises StoreUnavailable where it doesn't answer within `seconds`, StoreError where it refuses.
        """
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
                    client.load_collection(collection, timeout=left)  # a stopped Milvus Lite unloads it
                    return do(client, left)
            except Exception as error:  # pymilvus passes on errors of gRPC, and others on a closed connection
                reason = _reason(error).replace(self._token or "\n", "…")
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

            for library in ("pymilvus", "milvus_lite"):  # they log tracebacks of errors that are handled here
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
        return (error.retriable or error.code in TRANSIENT) and EXISTS not in error.message
    return isinstance(error, ValueError | OSError)  # another thread has closed the lost channel


def _reason(error: Exception) -> str:
    """Return the first line of an error's message."""
    error = _origin(error)
    text = error.details() if hasattr(error, "details") else getattr(error, "message", error)
    return (str(text).strip().splitlines() or [type(error).__name__])[0][:200]


def _origin(error: Exception) -> Exception:
    """Return the error of gRPC that pymilvus has wrapped, or the error itself."""
    import grpc

    return error.__cause__ if isinstance(error.__cause__, grpc.RpcError) else error


def _remedy(reason: str) -> str:
    if "local milvus" in reason:
        return "one process at a time can have it open, more need a Milvus server"
    return "check QA_STORE and QA_STORE_TOKEN, then run `qa index`"
