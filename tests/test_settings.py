from dataclasses import fields, replace
from pathlib import Path

import pytest

from qa.errors import SettingsError
from qa.settings import Settings

LOGO = str(Path(__file__).parents[1] / "docs" / "chat.png")


def test_settings_come_from_the_environment_and_blank_ones_are_defaults() -> None:
    found = Settings.from_environment({"QA_PORT": " 80 ", "QA_CORPUS": "texts", "QA_TITLE": " ", "PORT": "1"})
    assert found == Settings(port=80, corpus=Path("texts"))


@pytest.mark.parametrize(
    ("value", "message"), [("many", "QA_PORT is 'many'; give a whole number"), ("70000", "QA_PORT")]
)
def test_a_value_that_cannot_be_used_is_named(value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.from_environment({"QA_PORT": value})


def test_defaults_are_what_the_readme_promises() -> None:
    assert Settings.from_environment({}) == Settings(
        corpus=Path("corpus"),
        index=Path("index"),
        encoder="all-MiniLM-L6-v2",
        runtime="onnx",
        max_file_mb=100,
        host="127.0.0.1",
        port=7860,
        title="Ask these documents",
        threshold=0.26,
        sure=0.55,
        language="auto",
        origins="",
        token="",
        rate=60,
        feedback="",
        url="",
        log_questions=False,
        store="local",
        store_token="",
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("corpus", "~/my texts", Path("~/my texts")),
        ("index", "/var/index", Path("/var/index")),
        ("encoder", "intfloat/e5-small", "intfloat/e5-small"),
        ("host", "0.0.0.0", "0.0.0.0"),
        ("runtime", "torch", "torch"),
        ("max_file_mb", "5", 5),
        ("port", "0", 0),
        ("title", "Ask — 漢字", "Ask — 漢字"),
        ("threshold", "1", 1.0),
        ("sure", "0.6", 0.6),
        ("language", "de", "de"),
        ("origins", "https://a.example, null", "https://a.example, null"),
        ("token", "s3cret", "s3cret"),
        ("rate", "5", 5),
        ("feedback", "feedback.sqlite", "feedback.sqlite"),
        ("about", "All of the handbook.", "All of the handbook."),
        ("logo", LOGO, LOGO),
        ("examples", "Who?|Why?", "Who?|Why?"),
        ("url", "https://ask.example", "https://ask.example"),
        ("log_questions", "Yes", True),
        ("store", "milvus:https://host:19530/handbook", "milvus:https://host:19530/handbook"),
        ("store", "milvus:./an index/file.db", "milvus:./an index/file.db"),
        ("store_token", "root:Milvus", "root:Milvus"),
    ],
)
def test_each_variable_is_read_as_its_type_and_changes_nothing_else(name: str, value: str, expected: object) -> None:
    found = Settings.from_environment({f"QA_{name.upper()}": value})
    assert found == replace(Settings(), **{name: expected})
    assert type(getattr(found, name)) is type(getattr(Settings(), name))


@pytest.mark.parametrize(
    "store",
    ["milvus", "milvus:", "milvus:host:19530", "milvus:http://root:s3cret@host", "faiss:x.db", "milvus:ftp://h.db"],
)
def test_a_store_that_is_none_is_refused_without_saying_its_token(store: str) -> None:
    with pytest.raises(SettingsError, match=r"^QA_STORE can't be used; give local, milvus:FILE\.db or .*") as caught:
        Settings.from_environment({"QA_STORE": store})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "origins", ["example.org", "https://example.org/page", "https://a.example https:/b", "ftp://a", "http://["]
)
def test_an_origin_that_is_none_is_named(origins: str) -> None:
    with pytest.raises(SettingsError, match=r"^QA_ORIGINS has '"):
        Settings.from_environment({"QA_ORIGINS": origins})


def test_examples_are_parted_by_bars_or_lines() -> None:
    assert Settings(examples="Who? | Why?\nWhen?\n|").example_questions == ["Who?", "Why?", "When?"]
    assert Settings().example_questions == []


@pytest.mark.parametrize("logo", ["nowhere.png", __file__])
def test_a_logo_that_is_no_picture_is_named(logo: str) -> None:
    with pytest.raises(SettingsError, match=r"^QA_LOGO is '.*'; give a file of \.svg, \.png"):
        Settings.from_environment({"QA_LOGO": logo})


def test_every_setting_is_among_those_tested() -> None:
    assert {field.name for field in fields(Settings)} == set(
        "corpus index encoder runtime max_file_mb host port title threshold sure language origins proxy token rate "
        "feedback url source_url about logo examples "
        "log_questions store store_token".split()
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "80.5"),
        ("THRESHOLD", "half"),
        ("THRESHOLD", "1.1"),
        ("THRESHOLD", "nan"),
        ("RATE", "0"),
        ("MAX_FILE_MB", "0"),
        ("RUNTIME", "tpu"),
        ("LOG_QUESTIONS", "perhaps"),
    ],
)
def test_a_number_out_of_range_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^QA_{name} is .*; give (a|auto|one|yes|how many) .*$"):
        Settings.from_environment({f"QA_{name}": value})


def test_origins_are_taken_as_browsers_write_them() -> None:
    found = Settings.from_environment(
        {"QA_ORIGINS": "HTTPS://Example.org:443/, http://a.example:80 http://b:8080 null"}
    )
    assert found.allowed_origins == ["https://example.org", "http://a.example", "http://b:8080", "null"]


def test_a_proxy_that_is_no_address_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^QA_PROXY has 'proxy\.local'"):
        Settings.from_environment({"QA_PROXY": "10.0.0.2, proxy.local"})
