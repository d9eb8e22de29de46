import json
from pathlib import Path

import pytest
from support import CORPUS, markdown
from typer.testing import CliRunner

from qa import Assistant
from qa.cli.main import cli
from qa.encoder.base import Encoder
from qa.errors import CorpusError
from qa.evaluation import metrics
from qa.evaluation.datasets import Item, read_questions
from qa.evaluation.metrics import Outcome
from qa.evaluation.run import ask_all
from qa.settings import DEFAULTS

DEMO = Path(__file__).parents[2] / "docs" / "demo-questions.jsonl"
OUTCOMES = [
    Outcome(True, 1, True, 0.9, 10),
    Outcome(True, 2, True, 0.7, 20),
    Outcome(True, 4, False, 0.6, 30),
    Outcome(True, None, False, 0.1, 40),
    Outcome(False, None, False, 0.65, 50),
    Outcome(False, None, False, 0.1, 60),
]


def test_figures_are_those_worked_out_by_hand() -> None:
    found = metrics.figures(OUTCOMES, 0.5)
    assert found == pytest.approx(
        {
            "questions": 6,
            "answerable": 4,
            "threshold": 0.5,
            "recall@1": 1 / 4,
            "recall@3": 2 / 4,
            "recall@5": 3 / 4,
            "MRR": (1 + 1 / 2 + 1 / 4) / 4,
            "right quote, of all, if none is declined": 2 / 4,
            "answered": 3 / 4,
            "right quote, of answered": 2 / 3,
            "unanswerable: declined": 1 / 2,
            "unanswerable: AUROC": (2 + 2 + 1 + 0.5) / 8,  # pairs that are in order, ties half
            "area under the risk-coverage curve": (0 + 0 + 1 / 3 + 2 / 4 + 3 / 5 + 4 / 6) / 6,
            "calibration error, of answered": (0.1 + 0.3 + 2 * 0.625) / 4,  # bins 0.9, 0.7, and 0.6 with 0.65
            "ms p50": 35,
            "ms p95": 57.5,
        }
    )


def test_a_curve_and_its_points_agree() -> None:
    assert metrics.risk_coverage(OUTCOMES)[:3] == [(1 / 6, 0), (2 / 6, 0), (3 / 6, 1 / 3)]
    assert metrics.operating_point(OUTCOMES, 0.65) == (0.65, 0.5, 1.0, 0.5, 1 / 6)
    assert metrics.reliability(OUTCOMES)[0] == (pytest.approx(0.1), 0, 2)


def test_without_answerable_or_unanswerable_questions_their_figures_are_left_out() -> None:
    assert not [name for name in metrics.figures(OUTCOMES[:4], 0.5) if name.startswith("unanswerable")]
    assert "recall@1" not in metrics.figures(OUTCOMES[4:], 0.5)


def test_a_quote_is_right_if_it_holds_an_answer_and_is_of_the_right_document(encoder: Encoder) -> None:
    elm, ash = "The port of Elm was built\nin 1912.", "The port of Ash was built in 1912, too."
    assistant = Assistant.from_documents([markdown("e", "Elm", elm), markdown("a", "Ash", ash)], encoder, threshold=0)
    question = "When was the port of Elm built?"
    items = [
        Item(question, "e", ("BUILT in 1912",)),
        Item(question, "", ("1912",)),
        Item(question, "a", ("1912",)),
        Item(question, "e", ("1913",)),
        Item(question, "p0", ("1912",), context="Elm is old. " + elm),
        Item(question, "p0", ("1912",), context=ash),
    ]
    outcomes = ask_all(assistant, items)
    assert [o.right for o in outcomes] == [True, True, False, False, True, False]
    assert [o.rank for o in outcomes] == [1, 1, 2, None, 1, 2]


def test_the_demo_keeps_its_figures(demo: Assistant) -> None:
    items = read_questions(DEMO)
    answerable = [item for item in items if item.answers]
    assert len(items) >= 60
    assert len(items) / 4 < len(items) - len(answerable) < len(items) / 2
    document = demo.store.document("novokuznetsk.md")
    assert document
    text = " ".join(document.text.split()).casefold()
    assert [a for item in answerable for a in item.answers if a.casefold() not in text] == []
    everything = Assistant.from_documents([document], threshold=0)
    found = metrics.figures(ask_all(everything, items), DEFAULTS.threshold)
    assert found["recall@1"] >= 0.93
    assert found["recall@5"] == 1
    assert found["right quote, of all, if none is declined"] >= 0.86
    assert found["answered"] >= 0.72
    assert found["right quote, of answered"] >= 0.9
    assert found["unanswerable: AUROC"] >= 0.95
    misled = [o for o in ask_all(everything, items) if o.confidence >= DEFAULTS.sure and not o.right]
    assert len(misled) <= 0.15 * len(items)


@pytest.fixture
def run(empty_index: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("QA_CORPUS", str(CORPUS))
    monkeypatch.setenv("QA_INDEX", str(empty_index))
    return CliRunner()


def test_the_command_prints_tables_json_and_a_plot(run: CliRunner, tmp_path: Path) -> None:
    lines = DEMO.read_text("utf-8").splitlines()
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(lines[:3] + lines[-3:]), "utf-8")
    shown = run.invoke(cli, ["eval", str(few)], catch_exceptions=False)
    assert "recall@1" in shown.stdout
    assert "QA_THRESHOLD" in shown.stdout
    assert "QA_SURE" in shown.stdout
    printed = run.invoke(cli, ["eval", str(few), "--json", "--plot", str(tmp_path / "out.png")], catch_exceptions=False)
    figures = json.loads(printed.stdout)
    assert (figures["questions"], figures["answerable"], figures["threshold"]) == (6, 3, DEFAULTS.threshold)
    assert len(figures["thresholds"]) == 20
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_what_went_wrong_is_listed_and_how() -> None:
    def outcome(answers: tuple[str, ...], rank: int | None, right: bool, confidence: float) -> Outcome:
        item = Item("Who?", "a.md", answers)
        return Outcome(bool(answers), rank, right, confidence, 1, item, "It is Ann.", "a.md")

    outcomes = [
        outcome(("Ann", "Anna"), 1, True, 0.9),
        outcome(("Ann",), 1, True, 0.1),
        outcome(("Ben",), 2, False, 0.9),
        outcome(("Ben",), 2, False, 0.1),
        outcome(("Ben",), None, False, 0.1),
        outcome((), None, False, 0.9),
        outcome((), None, False, 0.1),
    ]
    found = metrics.failures(outcomes, 0.5)
    assert [failure.what for failure in found] == [
        "declined, though the right quote was found",
        "wrong quote",
        "declined: its passage is number 2",
        "declined: its passage wasn't found",
        "answered, though the documents don't",
    ]
    assert found[1] == ("Who?", "wrong quote", "Ben", "It is Ann.", "a.md", 0.9)
    assert metrics.failures([outcomes[0]], 0.5) == []


def test_the_command_lists_failures_and_calibrate_takes_the_same_lines(run: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "few.jsonl"
    wrong = {"question": "Which river is the port on?", "document": "novokuznetsk.md", "answers": ["the Volga"]}
    path.write_text(f"{DEMO.read_text('utf-8').splitlines()[0]}\n\n{json.dumps(wrong)}\n", "utf-8")
    shown = run.invoke(cli, ["eval", str(path), "--failures"], catch_exceptions=False).stdout
    assert "Which river is the port on?  (wrong quote, confidence" in shown
    assert "expected: the Volga" in shown
    printed = json.loads(run.invoke(cli, ["eval", str(path), "--failures", "--json"], catch_exceptions=False).stdout)
    assert [(one["question"], one["what"]) for one in printed["failures"]] == [(wrong["question"], "wrong quote")]
    with pytest.raises(CorpusError, match="give at least 10 questions that are answered rightly"):
        run.invoke(cli, ["calibrate", str(path)], catch_exceptions=False)


def test_squad_files_are_asked_over_the_corpus(run: CliRunner, tmp_path: Path) -> None:
    text = (CORPUS / "novokuznetsk.md").read_text("utf-8")
    context = text[text.index("The Kuznetsk Basin") : text.index("## Heavy")].strip()
    qas = [
        {"question": "What is the Kuznetsk Basin also called?", "answers": [{"text": "Kuzbass", "answer_start": 30}]}
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"title": "N", "paragraphs": [{"context": context, "qas": qas}]}]}), "utf-8")
    printed = run.invoke(cli, ["eval", str(path), "--json"], catch_exceptions=False)
    assert json.loads(printed.stdout)["recall@1"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no questions"),
        ('{"question": "Who?"}\n{"question": 1}', 'line 2 has a "question" that is no text'),
        ('{"question": "Who?"}\n\n{"question": " "}', 'line 3 has a "question" that is no text'),
        ('{"question": "Who?", "answers": "me"}', 'line 1 has "answers" that are no list of texts'),
        ('{"question": "Who?", "document": 1}', 'line 1 has a "document" that is no text'),
        ('{"question": "Who?"}\nnonsense', "line 2 isn't JSON"),
        ('{question: "Who?"}', "line 1 isn't JSON"),
        ('{"question": "Who?", "answers": [1]}', 'line 1 has "answers" that are no list of texts'),
        ('{"document": "a.md"}', r'line 1 has no "question": give \{"question": '),
        ("[1]", "line 1 isn't an object"),
        ("{}", 'line 1 has no "question"'),
        ('{"version": "2", "data": [{}]}', "not in SQuAD's format"),
        ('{"version": "2", "data": [', "not in SQuAD's format"),
    ],
)
def test_files_that_hold_something_else_are_named_with_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(CorpusError, match=message) as caught:
        read_questions(path)
    assert str(path) in str(caught.value)


def test_a_document_that_is_not_indexed_is_named(run: CliRunner, tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "Who?", "document": "other.md", "answers": ["me"]}', "utf-8")
    with pytest.raises(CorpusError, match=r"asks about 'other.md', which isn't indexed"):
        run.invoke(cli, ["eval", str(path)], catch_exceptions=False)
