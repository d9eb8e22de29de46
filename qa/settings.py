"""Settings: every option with its default, read from environment variables."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qa.errors import SettingsError

PREFIX = "QA_"
FILE = "question-box.toml"
PATHS = ("corpus", "index", "feedback", "record", "logo")  # in FILE, relative to its folder
MOST_DAYS = 36500  # that what is asked is kept
LIKE = 0.75  # the similarity to a setting's name from which on a name is taken for a misspelling of it
RUNTIMES = ("onnx", "int8", "torch")  # of the encoder
LOCAL = "local"
STORE = re.compile(r"local|milvus:(?:https?://[^/\s@]+(?:/\w+)?/?|(?!\w+:)\S.*\.db)")
ANY = ("*", "null")  # origins without a host
PORTS = {"http": 80, "https": 443}
PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Settings:
    """All options. Each has an environment variable: QA_ and its name in capitals, so QA_PORT for `port`."""

    corpus: Path = Path("corpus")
    index: Path = Path("index")
    encoder: str = "all-MiniLM-L6-v2"
    runtime: str = "onnx"
    max_file_mb: int = 100
    host: str = "127.0.0.1"
    port: int = 7860
    title: str = "Ask these documents"
    about: str = ""
    logo: str = ""
    examples: str = ""
    threshold: float = 0.26  # confidence below which a question is declined; docs/evaluation.md shows its effect
    sure: float = 0.55  # confidence below which an answer is marked as unsure
    language: str = "auto"
    origins: str = ""
    proxy: str = ""
    token: str = ""
    rate: int = 60
    feedback: str = ""
    record: str = ""
    record_days: int = 90
    url: str = ""
    source_url: str = ""
    log_questions: bool = False
    store: str = LOCAL
    store_token: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the options that the environment sets; the others keep their defaults.

        Raises SettingsError, naming the variable, if a value can't be used or a name is misspelt.
        """
        _check_names(environ)
        values: dict[str, Any] = {}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if environ.get(name, "").strip():
                values[field.name] = _cast(name, environ[name].strip(), type(field.default))
        settings = cls(**values)
        if not 0 <= settings.port <= 65535:
            raise SettingsError(f"{PREFIX}PORT is {settings.port}; give a port from 0 to 65535")
        for name in ("threshold", "sure"):
            if not 0 <= getattr(settings, name) <= 1:
                value = getattr(settings, name)
                raise SettingsError(f"{PREFIX}{name.upper()} is {value}; give a probability from 0 to 1")
        if settings.max_file_mb < 1:
            raise SettingsError(f"{PREFIX}MAX_FILE_MB is {settings.max_file_mb}; give a size of at least 1")
        if settings.runtime not in RUNTIMES:
            raise SettingsError(f"{PREFIX}RUNTIME is {settings.runtime!r}; give one of {', '.join(RUNTIMES)}")
        if not 1 <= settings.record_days <= MOST_DAYS:
            raise SettingsError(f"{PREFIX}RECORD_DAYS is {settings.record_days}; give a number from 1 to {MOST_DAYS}")
        if settings.rate < 1:
            raise SettingsError(f"{PREFIX}RATE is {settings.rate}; give how many requests a minute, at least 1")
        if not STORE.fullmatch(settings.store):
            raise SettingsError(
                f"{PREFIX}STORE can't be used; give local, milvus:FILE.db or milvus:http://HOST:19530, any token apart "
                f"from it in {PREFIX}STORE_TOKEN"
            )
        if settings.logo and (not Path(settings.logo).is_file() or Path(settings.logo).suffix.lower() not in PICTURES):
            raise SettingsError(f"{PREFIX}LOGO is {settings.logo!r}; give a file of {', '.join(PICTURES)}")
        settings._check_addresses()
        return settings

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ, documents: str = "") -> "Settings":
        """The options that the environment sets, and for the rest those of FILE beside the documents, where it is.

        `documents` is where they are, QA_CORPUS unless it is given. Raises SettingsError as `from_environment`.
        """
        path = file_beside(environ, documents)
        given = _in_file(path) if path else {}
        return cls.from_environment(given | {name: value for name, value in environ.items() if value.strip()})

    def _check_addresses(self) -> None:
        for origin in self.origins.replace(",", " ").split():
            if origin not in ANY and origin_of(origin) is None:
                raise SettingsError(f"{PREFIX}ORIGINS has {origin!r}; give origins as https://example.org, with spaces")
        for address in self.proxies:
            try:
                ip_network(address)
            except ValueError:
                raise SettingsError(f"{PREFIX}PROXY has {address!r}; give addresses as 10.0.0.2") from None

    @property
    def allowed_origins(self) -> list[str]:
        """The origins whose pages may use the server besides its own, as browsers write them."""
        return [origin_of(origin) or origin for origin in self.origins.replace(",", " ").split()]

    @property
    def example_questions(self) -> list[str]:
        """The questions to begin with that the owner wants, none where they are to be found."""
        return [question.strip() for question in re.split(r"[|\n]", self.examples) if question.strip()]

    @property
    def proxies(self) -> list[str]:
        """The addresses of trusted proxies, whose X-Forwarded headers are believed."""
        return self.proxy.replace(",", " ").split()


DEFAULTS = Settings()
NAMES = tuple(PREFIX + field.name.upper() for field in fields(Settings))


def file_beside(environ: Mapping[str, str], documents: str = "") -> Path | None:
    """The FILE in the folder that the documents' folder is in, else in the current one; None where there is none."""
    documents = documents or environ.get(f"{PREFIX}CORPUS", "").strip() or str(DEFAULTS.corpus)
    candidates = (Path(documents).absolute().parent / FILE, Path(FILE).absolute())
    return next((path for path in candidates if path.is_file()), None)


def origin_of(url: str) -> str | None:
    """Return an origin as browsers write it, or None if the URL is more than an origin, or none."""
    try:
        split = urlsplit(url.strip().lower())
        port = split.port
    except ValueError:
        return None
    rest = split.path.strip("/") or split.query or split.fragment or "@" in split.netloc
    if split.scheme not in PORTS or not split.hostname or rest or not re.fullmatch(r"[\w.:-]+", split.hostname):
        return None
    host = f"[{split.hostname}]" if ":" in split.hostname else split.hostname
    return f"{split.scheme}://{host}" + (f":{port}" if port not in (None, PORTS[split.scheme]) else "")


def _in_file(path: Path) -> dict[str, str]:
    """The settings of a file, as the environment would have them; raises SettingsError, which names the file."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} can't be read ({getattr(error, 'strerror', None) or error}): mend it") from None
    for name in content:
        if name not in NAMES:
            meant = _meant(name)
            hint = f"did you mean {meant}?" if meant else "docs/settings.md lists the settings"
            raise SettingsError(f"{path} has {name}, which isn't a setting: {hint}")
        if not isinstance(content[name], str | int | float):
            raise SettingsError(f"{path} has {name} as a {type(content[name]).__name__}; give a text or a number")
    given = {name: str(value).strip() for name, value in content.items()}
    for name in (PREFIX + each.upper() for each in PATHS):
        if given.get(name):
            given[name] = str(path.parent / Path(given[name]))
    try:
        Settings.from_environment(given)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return given


def _check_names(names: Iterable[str]) -> None:
    """Raise SettingsError if a name is nearly a setting's."""
    for name in names:
        if name.startswith(PREFIX) and name not in NAMES and (meant := _meant(name)):
            raise SettingsError(f"{name} isn't a setting: did you mean {meant}?")


def _meant(name: str) -> str:
    """The setting that a name is like, empty where it is like none."""
    from difflib import get_close_matches

    bare = {known.removeprefix(PREFIX): known for known in NAMES}
    return bare.get(next(iter(get_close_matches(name.upper().removeprefix(PREFIX), bare, 1, LIKE)), ""), "")


def _cast(name: str, value: str, kind: type) -> Any:
    if kind is bool:
        if value.lower() not in YES + NO:
            raise SettingsError(f"{name} is {value!r}; give yes or no")
        return value.lower() in YES
    try:
        return kind(value)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}.get(kind, kind.__name__)
        raise SettingsError(f"{name} is {value!r}; give {wanted}") from None
