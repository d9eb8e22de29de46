"""Every option, its default and its environment variable, read once."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qa.errors import SettingsError

PREFIX = "QA_"
RUNTIMES = ("onnx", "int8", "torch")  # what can run the encoder
LOCAL = "local"
STORE = re.compile(r"local|milvus:(?:https?://[^/\s@]+(?:/\w+)?/?|(?!\w+:)\S.*\.db)")
ANY = ("*", "null")  # origins that name no host
PORTS = {"http": 80, "https": 443}
PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")
YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options. Each is read from the environment variable of its name, with QA_ before it: `port` from QA_PORT."""

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
    threshold: float = 0.26  # of confidence, below which a question is declined; docs/evaluation.md has what it does
    sure: float = 0.55  # and below which an answer says of itself that it isn't sure
    language: str = "auto"
    origins: str = ""
    proxy: str = ""
    token: str = ""
    rate: int = 60
    feedback: str = ""
    url: str = ""
    source_url: str = ""
    log_questions: bool = False
    store: str = LOCAL
    store_token: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The options that the environment sets, and the defaults for the rest.

        Raises SettingsError, which names the variable, where a value can't be used.
        """
        given: dict[str, Any] = {}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if environ.get(name, "").strip():
                given[field.name] = _cast(name, environ[name].strip(), type(field.default))
        settings = cls(**given)
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
        """The origins whose pages may use the server, besides its own, each as browsers write it."""
        return [origin_of(origin) or origin for origin in self.origins.replace(",", " ").split()]

    @property
    def example_questions(self) -> list[str]:
        """The questions to begin with that the owner wants, none where they are to be found."""
        return [question.strip() for question in re.split(r"[|\n]", self.examples) if question.strip()]

    @property
    def proxies(self) -> list[str]:
        """The addresses of proxies, which are believed what they say of a request."""
        return self.proxy.replace(",", " ").split()


DEFAULTS = Settings()


def origin_of(url: str) -> str | None:
    """The origin of a URL that has nothing but one, as browsers write it; None where it isn't one."""
    try:
        parts = urlsplit(url.strip().lower())
        port = parts.port
    except ValueError:
        return None
    rest = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in PORTS or not parts.hostname or rest or not re.fullmatch(r"[\w.:-]+", parts.hostname):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, PORTS[parts.scheme]) else "")


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
