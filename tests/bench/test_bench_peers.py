"""The arithmetic of bench/peers.py, and the texts that bench/sections.py makes of pages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

import peers
import sections

PAGE = """<html><body><p>menu</p><div class="body" role="main"><section id="a">
<h1>shelve — Objects<a class="headerlink" href="#a">¶</a></h1>
<div class="toctree-wrapper"><ul><li>How do I open it</li></ul></div>
<p>A <em>shelf</em> persists.<br>It is a
dictionary.</p>
<section id="b"><h2>1.2. How do I open it?</h2><dl><dt>open(name)</dt><dd><p>Opens.</p></dd></dl></section>
<section id="c"><h2>Example</h2><pre>d = open()</pre></section>
</section></div><p>footer</p></body></html>"""


def test_a_page_is_read_by_its_headings() -> None:
    assert sections.sections(PAGE) == [
        ("shelve — Objects", ["A shelf persists. It is a dictionary."]),
        ("How do I open it?", ["open(name)", "Opens."]),
        ("Example", ["d = open()"]),
    ]


def test_headings_are_questions_and_not_in_the_texts(tmp_path: Path) -> None:
    (tmp_path / "shelve.html").write_text(PAGE, "utf-8")
    (tmp_path / "genindex.html").write_text(PAGE, "utf-8")
    texts, questions = sections.read(tmp_path)
    assert [text.text for text in texts] == [
        "A shelf persists. It is a dictionary.",
        "open(name)\nOpens.",
        "d = open()",
    ]
    assert {text.title for text in texts} == {"shelve — Objects"}
    assert questions == [("How do I open it?", texts[1].section)]


def test_texts_are_cut_at_their_limit() -> None:
    chunks = list(sections._chunks(["a " * 100, "b " * 100, "c " * 200]))
    assert [len(part.split()) for part in chunks] == [100, 100, 150, 50]


def test_ranks_are_of_different_sections() -> None:
    assert peers.rank(["a", "a", "b"], "b") == 2
    assert peers.rank(["a"], "b") == 0
    assert peers.rank([], "b") == 0


def test_figures_are_worked_out_by_hand() -> None:
    rest = {"index_s": 2.0, "index_cpu_s": 3.0, "index_mb": 5.0, "answer_mb": 4.0}
    found = peers.figures({"ranks": [1, 2, 0, 10], "ms": [1.0, 2.0, 3.0, 4.0], "first_s": [9.0, 1.0, 2.0], **rest})
    assert found == pytest.approx(
        {"first_s": 2, "p50_ms": 2.5, "p95_ms": 3.85, "recall_1": 0.25, "recall_5": 0.5, "mrr": 0.4, **rest}
    )


def test_the_last_row_divides_by_the_best_peer_of_each_column() -> None:
    rows = {
        name: dict.fromkeys(peers.COLUMNS, value) for name, value in (("qa", 3.0), ("txtai", 2.0), ("haystack", 6.0))
    }
    cells = peers.table(rows).splitlines()[-1].split(" | ")
    assert cells[1] == "1.50 ×"
    assert cells[list(peers.COLUMNS).index("recall_1") + 1] == "0.50 ×"


def test_memory_is_that_of_a_process_and_of_those_that_it_started() -> None:
    grown = "import sys; kept = b'x' * 100_000_000; print(flush=True); sys.stdin.read()"
    started = [sys.executable, "-c", grown]
    before = peers.resident_mb(os.getpid())
    with subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        alone = peers.resident_mb(process.pid)
        together = peers.resident_mb(os.getpid())
        process.communicate()
    assert alone > 95
    assert together - before == pytest.approx(alone, abs=20)
    assert peers.resident_mb(process.pid) == 0
