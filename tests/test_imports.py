"""The order in which modules may import each other: only those of an earlier layer, or of their own without a cycle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "qa"
LAYERS = [
    {"types", "errors", "mapped"},
    {"payload", "terms", "blocks", "structure", "originals", "encoder", "cache", "sources", "followup", "recent"},
    {"formats", "formats.converted"},
    {"formats.text", "formats.writing", "formats.archive"},
    {
        "formats.markup",
        "formats.numbering",
        "formats.numbers",
        "formats.office",
        "formats.records",
        "formats.subtitles",
    },
    {"formats.pdf_lines", "formats.scans"},
    {"formats.pdf_pages"},
    {"formats.books", "formats.markdown", "formats.pdf", "formats.restructured"},
    {"formats.sheets", "formats.slides", "formats.word"},
    {"formats.convert"},
    {"formats.isolation"},
    {"corpus"},
    {"settings", "together"},
    {"passages", "generations", "questions"},
    {"stores"},
    {"hints", "spelling", "vectors"},
    {"exporting"},
    {"runtime"},
    {"stores.nearest", "stores.columns", "stores.lexical"},
    {"stores.local", "stores.engine"},
    {"stores.layered", "stores.milvus"},
    {"stores.writer"},
    {"indexing"},
    {"sharing"},
    {"answer"},
    {"answer.comparison"},
    {"answer.calibration", "answer.cross_encoder", "answer.lists", "answer.retriever"},
    {"answer.reader"},
    {"assistant"},
    {"evaluation", "sharding"},
    {"web.service", "web.render", "web", "web.feedback", "web.asgi", "web.joins", "web.connections"},
    {"web.source", "web.watch", "web.guard"},
    {"web.api", "web.limits"},
    {"web.chat"},
    {"web.server", "export"},
    {"cli"},
    {"__main__"},
]
LAYER = {module: number for number, layer in enumerate(LAYERS) for module in layer}


def modules() -> dict[str, ast.Module]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name != "__init__":
            found[name] = ast.parse(path.read_text("utf-8"))
    return found


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def test_every_module_has_its_layer() -> None:
    assert set(modules()) == set(LAYER), "add a new module to LAYERS"


def test_imports_go_one_way() -> None:
    for module, tree in modules().items():
        own = {name.removeprefix("qa.") for name in imported(tree) if name.startswith("qa.")} & set(LAYER)
        wrong = {other for other in own - {module} if LAYER[other] > LAYER[module]}
        assert not wrong, f"{module} imports {wrong}"
        same = {other for other in own - {module} if LAYER[other] == LAYER[module]}
        for other in same:
            assert f"qa.{module}" not in imported(modules()[other]), f"{module} and {other} import each other"


def test_heavy_libraries_and_settings_are_imported_in_one_place() -> None:
    users = {name: imported(tree) for name, tree in modules().items()}
    assert [m for m, names in users.items() if "sentence_transformers" in names] == ["encoder"]
    assert [m for m, names in users.items() if "faiss" in names] == ["stores.nearest"]
    assert [m for m, names in users.items() if "pymilvus" in names] == ["stores.engine"]
    assert all(LAYER[m] > LAYER["assistant"] for m, names in users.items() if "qa.settings" in names)


def test_imports_make_no_cycle_at_all() -> None:
    graph = {
        module: {name.removeprefix("qa.") for name in imported(tree)} & set(LAYER) - {module}
        for module, tree in modules().items()
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(LAYER)


def test_imports_are_written_in_full_so_that_the_others_here_see_them() -> None:
    relative = [
        (module, node.lineno)
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_only_the_web_knows_its_libraries() -> None:
    users = {name: {n.split(".")[0] for n in imported(tree)} for name, tree in modules().items()}
    users = {name: names for name, names in users.items() if names & {"gradio", "fastapi", "starlette", "uvicorn"}}
    assert all(module.startswith("web.") for module in users)


def test_nothing_is_pickled() -> None:
    pickles = {"pickle", "cloudpickle", "joblib", "shelve", "dill"}
    assert [m for m, tree in modules().items() if pickles & imported(tree)] == []
