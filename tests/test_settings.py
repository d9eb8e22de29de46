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
        record="",
        record_days=90,
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
        ("record", "asked.sqlite", "asked.sqlite"),
        ("record_days", "30", 30),
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
        "feedback record record_days url source_url about logo examples "
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
        ("RECORD_DAYS", "0"),
        ("RECORD_DAYS", "36501"),
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


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("QA_TRESHOLD", "QA_THRESHOLD"),
        ("QA_TOKN", "QA_TOKEN"),
        ("QA_ORIGIN", "QA_ORIGINS"),
        ("QA_SOURCEURL", "QA_SOURCE_URL"),
        ("QA_Port", "QA_PORT"),
    ],
)
def test_a_misspelt_name_is_said_with_the_one_that_is_meant(name: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} isn't a setting: did you mean {meant}\\?$"):
        Settings.from_environment({name: "1"})


@pytest.mark.parametrize("name", ["QA_BUILD_ID", "QA_ENV", "QA_USER", "QA_", "TRESHOLD", "MY_QA_TOKN"])
def test_names_of_others_are_left_alone(name: str) -> None:
    assert Settings.from_environment({name: "1"}) == Settings()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    return tmp_path / "site" / "question-box.toml"


def test_a_file_beside_the_documents_sets_what_the_environment_does_not(file: Path) -> None:
    file.write_text('QA_TITLE = "Ours"\nQA_PORT = 80\nQA_THRESHOLD = 0.5\nQA_LOG_QUESTIONS = true\n', "utf-8")
    found = Settings.find({"QA_CORPUS": "site/corpus", "QA_PORT": "90", "QA_TITLE": " "})
    assert found == Settings(corpus=Path("site/corpus"), title="Ours", port=90, threshold=0.5, log_questions=True)
    assert Settings.find({}) == Settings()
    assert Settings.find({}, documents="site/others").title == "Ours"


def test_paths_in_a_file_are_from_its_folder_and_the_current_folder_s_file_is_the_second_choice(
    file: Path, tmp_path: Path
) -> None:
    text = 'QA_CORPUS = "texts"\nQA_INDEX = "/var/index"\nQA_RECORD = "asked.db"\nQA_ENCODER = "a/b"\n'
    file.write_text(text, "utf-8")
    found = Settings.find({}, documents="site/texts")
    assert found.corpus == file.parent / "texts"
    assert found.index == Path("/var/index")
    assert found.record == str(file.parent / "asked.db")
    assert found.encoder == "a/b"
    (tmp_path / "question-box.toml").write_text('QA_TITLE = "Second"', "utf-8")
    assert Settings.find({}, documents="elsewhere/texts").title == "Second"
    assert Settings.find({}, documents="site/texts").title == Settings().title


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("QA_TITEL = 1", "has QA_TITEL, which isn't a setting: did you mean QA_TITLE\\?"),
        ("title = 1", "has title, which isn't a setting: did you mean QA_TITLE\\?"),
        ("colour = 1", "has colour, which isn't a setting: docs/settings.md lists the settings"),
        ("QA_ORIGINS = ['https://a.example']", "has QA_ORIGINS as a list; give a text or a number"),
        ("QA_PORT = 'many'", ": QA_PORT is 'many'; give a whole number"),
        ("QA_PORT = ", "can't be read \\(.*\\): mend it"),
        ("\udcff", "can't be read \\(.*\\): mend it"),
    ],
)
def test_what_a_file_has_wrong_is_named_with_the_file(file: Path, text: str, message: str) -> None:
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match=message) as caught:
        Settings.find({"QA_CORPUS": "site/corpus"})
    assert str(caught.value).startswith(str(file))
