"""Milvus itself: a connection that is made anew where it was lost, and the collections. The only user of pymilvus."""

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
from qa.index.store import Shared

LONGEST = 65_535  # bytes in a field
MOST = 16_384  # hits of one search
ROWS = 500  # that are written at a time
ANSWER, WRITE, CONNECT = 5.0, 60.0, 3.0  # seconds: for all tries of a question to Milvus, of a write, to connect
WAITS = (0.2, 1.0, 0.0)  # seconds after each try, none after the last
TRANSIENT = {1, 2, 4, 8}  # Milvus's codes: not ready, unavailable, too many requests, rate limit
NOT_LOADED, EXISTS = 101, "already exist"  # a code, and what Milvus Lite says under the same code as much else
K1, B = 1.2, 0.75  # of BM25, as in the local store

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
OWN = ("passages", "sentences")  # have vectors; the others have a short one, as Milvus wants one in each collection
INDEXED = ("document", "passage", "id")  # fields that rows are found by
PREFIX = "question_box_"

Row = dict[str, Any]


class Database:
    """The collections of an index, which are named after its settings; `latest` rows can be asked for, which waits."""

    def __init__(self, shared: Shared, settings: Mapping[str, str]) -> None:
        if importlib.util.find_spec("pymilvus") is None:
            raise SettingsError("QA_STORE needs pymilvus: pip install 'question-box[milvus]'")
        self.uri = shared.uri
        self.name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        self.latest = False
        self._token = shared.token
        self._client: Any = None

    def rows(self, kind: str, which: str, fields: Sequence[str], limit: int = 0) -> list[Row]:
        """The rows that a filter lets through, in no order."""
        options: Row = {"limit": limit} if limit else {}
        options |= {"filter": which, "output_fields": ["key", *fields], "consistency_level": self._level}
        return [dict(row) for row in self._call("query", self._collection(kind), **options)]

    def said(self, key: int, *, name: str = "", latest: bool = True) -> dict[str, Any]:
        """What a row of `state` says, empty where there is none, of this index or of the one of another name."""
        options: Row = {"filter": f"key == {key}", "output_fields": ["value"]}
        options["consistency_level"] = "Strong" if latest else self._level
        rows = self._call("query", self._collection("state", name), **options)
        return dict(json.loads(rows[0]["value"])) if rows else {}

    def say(self, key: int, value: Mapping[str, Any]) -> None:
        """Make a row of `state` say this."""
        self.write("state", [{"key": key, "value": json.dumps(value, ensure_ascii=False)}])

    def everything(self, kind: str, which: str, fields: Sequence[str]) -> list[Row]:
        """The same, however many they are."""
        options = {"filter": which, "output_fields": ["key", *fields], "consistency_level": self._level}

        def pages(client: Any, left: float) -> list[Row]:
            iterator = client.query_iterator(self._collection(kind), timeout=left, **options)
            found: list[Row] = []
            while page := iterator.next():
                found += page
            iterator.close()
            return found

        rows: list[Row] = self._try(pages, WRITE, self._collection(kind))
        return rows

    def hits(self, kind: str, by: str, what: object, k: int, which: str, fields: Sequence[str]) -> list[Row]:
        """The k best rows of those that a filter lets through."""
        options: Row = {"data": [what], "anns_field": by, "limit": k, "filter": which}
        options |= {"output_fields": fields, "consistency_level": self._level}
        return list(self._call("search", self._collection(kind), **options)[0])

    def write(self, kind: str, rows: Sequence[Row]) -> None:
        """Put rows in, in the place of those that have their keys; doing so twice does no harm."""
        more = {} if kind in OWN else {"vector": [0.0, 0.0]}
        for at in range(0, len(rows), ROWS):
            chunk = [{**row, **more} for row in rows[at : at + ROWS]]
            self._call("upsert", self._collection(kind), chunk, seconds=WRITE)

    def delete(self, kind: str, which: str) -> None:
        """Take out the rows that a filter lets through."""
        self._call("delete", self._collection(kind), filter=which, seconds=WRITE)

    def flush(self) -> None:
        """Have Milvus Lite put rows where it searches them fast, which nobody may read meanwhile.

        A server does so by itself, and nobody reads a file before it is indexed, as one process has it.
        """
        for kind in SCHEMA if self.uri.endswith(".db") else ():
            self._call("flush", self._collection(kind), seconds=WRITE)

    def names(self) -> list[str]:
        """The indexes that are there, by their collections of state, which are made last and dropped last."""
        found = (re.fullmatch(rf"{PREFIX}([0-9a-f]{{12}})_state", name) for name in self._call("list_collections"))
        return sorted(match[1] for match in found if match)

    def others(self) -> list[str]:
        """Those of other settings."""
        return [name for name in self.names() if name != self.name]

    def drop(self, name: str) -> None:
        """Remove the index of a name."""
        for kind in SCHEMA:
            self._call("drop_collection", self._collection(kind, name), seconds=WRITE)

    def create(self, dimension: int) -> None:
        """Make the collections, or what of them isn't there."""
        from pymilvus import DataType, Function, FunctionType, MilvusClient

        for kind, fields in SCHEMA.items():
            name, schema = self._collection(kind), MilvusClient.create_schema(auto_id=False)
            schema.add_field("key", DataType.INT64, is_primary=True)
            for field, type_name in fields.items():
                schema.add_field(field, DataType[type_name], **({"max_length": LONGEST} if type_name == TEXT else {}))
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension if kind in OWN else 2)
            indexes: dict[str, Row] = {field: {"index_type": "INVERTED"} for field in INDEXED if field in fields}
            indexes["vector"] = {"index_type": "AUTOINDEX" if kind == "passages" else "FLAT", "metric_type": "IP"}
            if kind == "passages":
                # terms are letters and digits with spaces between, which Milvus Lite's only tokenizer leaves whole
                terms = {"max_length": LONGEST, "enable_analyzer": True, "analyzer_params": {"tokenizer": "standard"}}
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
        """Let go of the connection; the next call makes another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def _level(self) -> str:
        return "Strong" if self.latest else "Bounded"

    def _collection(self, kind: str, name: str = "") -> str:
        return f"{PREFIX}{name or self.name}_{kind}"

    def _call(self, method: str, *arguments: Any, seconds: float = ANSWER, **options: Any) -> Any:
        """What a method of pymilvus's client gives; the first argument, if any, is the collection."""

        def do(client: Any, left: float) -> Any:
            return getattr(client, method)(*arguments, timeout=left, **options)

        return self._try(do, seconds, arguments[0] if arguments else "")

    def _ensure(self, method: str, *arguments: Any, **options: Any) -> None:
        """Make something that may be there already: another process may make it at the same time."""
        try:
            self._call(method, *arguments, seconds=WRITE, **options)
        except StoreError as error:
            if EXISTS not in str(error):
                raise

    def _try(self, do: Callable[[Any, float], Any], seconds: float, collection: str) -> Any:
        """What `do` gives, which is tried again where Milvus doesn't answer.

        Raises StoreUnavailable where it doesn't within `seconds`, and StoreError where it can't do that.
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
                    client.load_collection(collection, timeout=left)  # Milvus Lite forgets it when it is stopped
                    return do(client, left)
            except Exception as error:  # pymilvus lets those of gRPC through, and others where a connection is closed
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
        return (error.retriable or error.code in TRANSIENT) and EXISTS not in error.message
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
