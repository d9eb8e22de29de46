"""The house: a folder imports only what stands before it, and in a folder there are no circles."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "qa"
GROUND_FLOOR = ("types", "errors", "settings", "cache", "files")
ROOMS = (
    "text",
    "documents",
    "encoder",
    "index",
    "question",
    "answer",
    "assistant",
    "evaluation",
    "web",
    "export",
    "cli",
)
MOST_LINES = 400
MOST_ROOMS = 9  # on a floor; the ground floor has the stages


def imported(path: Path) -> set[str]:
    """The modules, and the names in them, that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports {node.module} in a relative way: write it in full"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def name_of(path: Path) -> str:
    return ".".join(("qa", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {name_of(path): imported(path) for path in PACKAGE.rglob("*.py")}
OWN = {name: imports & MODULES.keys() - {name, "qa"} for name, imports in MODULES.items()}


def room(module: str) -> int:
    return (*GROUND_FLOOR, *ROOMS, "__main__", "").index(module.partition(".")[2].partition(".")[0])


def test_a_folder_imports_only_what_stands_before_it() -> None:
    wrong = [
        (name, other) for name, others in OWN.items() for other in others if name != "qa" if room(other) > room(name)
    ]
    assert wrong == []


def test_imports_make_no_circle() -> None:
    assert len(list(TopologicalSorter(OWN).static_order())) == len(MODULES)


@pytest.mark.parametrize(
    ("library", "where"),
    [
        ("sentence_transformers", {"qa.encoder.pytorch"}),
        ("faiss", {"qa.index.local.nearest"}),
        ("pymilvus", {"qa.index.milvus.database"}),
        ("sentencex", {"qa.text.sentences"}),
    ],
)
def test_a_heavy_library_is_imported_in_one_module(library: str, where: set[str]) -> None:
    assert {name for name, imports in MODULES.items() if library in imports} == where


def test_below_the_assistant_nothing_knows_the_settings() -> None:
    assert all(
        room(name) >= room("qa.assistant")
        for name, imports in MODULES.items()
        if "qa.settings" in imports - {"qa"} and name != "qa"
    )


def test_only_the_web_knows_its_libraries() -> None:
    libraries = {"gradio", "fastapi", "starlette", "uvicorn"}
    users = {name for name, imports in MODULES.items() if libraries & {one.split(".")[0] for one in imports}}
    assert all(name.startswith("qa.web.") for name in users)


def test_nothing_is_pickled() -> None:
    pickles = {"pickle", "cloudpickle", "joblib", "shelve", "dill"}
    assert [name for name, imports in MODULES.items() if pickles & imports] == []


def test_no_module_is_too_long() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count > MOST_LINES} == {}


def test_no_floor_has_too_many_rooms() -> None:
    floors = {
        folder: [p for p in folder.iterdir() if not p.name.startswith("_") and (p.is_dir() or p.suffix == ".py")]
        for folder in PACKAGE.rglob("*")
        if folder.is_dir() and list(folder.glob("*.py"))
    }
    assert {str(folder): len(rooms) for folder, rooms in floors.items() if len(rooms) > MOST_ROOMS} == {}
