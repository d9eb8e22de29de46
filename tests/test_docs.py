"""The documentation keeps up with the code."""

import ast
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from qa.cli.main import cli
from qa.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GUIDES = {path.name: path.read_text("utf-8") for path in (ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"))}
SOURCES = [path for folder in ("qa", "bench", "training", "tests") for path in (ROOT / folder).rglob("*.py")]


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(QA_\w+)` \| `([^`]*)` \|", GUIDES["settings.md"], re.MULTILINE))
    assert rows == {f"QA_{f.name.upper()}": str(getattr(Settings(), f.name)) for f in fields(Settings)}


def test_every_command_is_shown() -> None:
    names = [command.name or command.callback.__name__ for command in cli.registered_commands if command.callback]
    assert sorted(names) == sorted(set(re.findall(r"^    qa (\w+)", README, re.MULTILINE)))


def test_the_readme_is_short_and_its_files_exist() -> None:
    assert README.count("\n") < 150
    assert all((ROOT / path).exists() for path in re.findall(r"\]\(((?!http)[^)#]+)\)", README))
    assert all((ROOT / path).exists() for path in re.findall(r"`(qa/[\w/.]+)`", README))


@pytest.mark.parametrize("guide", GUIDES)
def test_files_that_a_guide_names_exist(guide: str) -> None:
    files = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    named = set(re.findall(r"(?<![\w/])((?:\w+/)*\w+\.py)\b", GUIDES[guide])) - {"app.py"}
    assert {name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files)} == set()
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", GUIDES[guide])
    folder = ROOT if guide == "CONTRIBUTING.md" else ROOT / "docs"
    assert [link for link in links if not (folder / link).exists()] == []


def test_functions_that_the_walks_through_the_code_name_exist() -> None:
    walks = GUIDES["architecture.md"].partition("## A file's way")[2]
    named = set(re.findall(r"`(?:\w+\.)*(\w+)`", walks))
    defined = {path.stem for path in SOURCES} | {f"QA_{field.name.upper()}" for field in fields(Settings)}
    for path in (ROOT / "qa").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined.add(node.id)
    assert named - defined - {"py"} == set()


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z.]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {"run", "index", "test", "lint", "clean", "help"} <= targets
    shown = set(re.findall(r"(?:^    |`)make ([\w.]+\w)", README, re.MULTILINE))
    assert {"run", "test"} <= shown <= targets


def test_every_dependency_is_pinned_to_a_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    names = {_normal(re.split(r"[<>=\[;! ]", dependency)[0]) for dependency in wanted}
    pins = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert names <= {_normal(pin) for pin in pins}
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text("utf-8")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_file_of_the_package_is_installed() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]["qa"]
    files = [path.relative_to(ROOT / "qa") for path in (ROOT / "qa").rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in {".py", ".pyc"}]
    assert len(data) > 2
    assert [path for path in data if not any(path.match(pattern) for pattern in patterns)] == []
