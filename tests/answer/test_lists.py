"""Questions that want a list get its items, each quoted."""

from dataclasses import replace

import pytest
from support import markdown

from qa import Assistant
from qa.answer.lists import listing
from qa.encoder.base import Encoder
from qa.index.build import Indexer
from qa.index.local.store import LocalStore
from qa.text.terms import Analyzer

PANCAKES = """# Pancakes

Pancakes are thin and round, and people eat them for breakfast.

## Ingredients

- two eggs
- 200 g of flour. It has to be sifted.
- milk

  Whole milk is best.
- a pinch of salt

## Steps

To make pancakes, take these steps:

1. Mix flour and milk.
   - Use a whisk.
2. Add the eggs.
3. Fry in a hot pan.

## Prices

| Shop | Price |
|---|---|
| Elm Street | 3 euro |
| Harbour | 4 euro |
"""
ITEMS = ["two eggs", "200 g of flour.", "milk", "a pinch of salt"]
STEPS = ["To make pancakes, take these steps:", "1. Mix flour and milk.", "2. Add the eggs."]
STEPS += ["3. Fry in a hot pan."]


@pytest.fixture(scope="module")
def pancakes(encoder: Encoder) -> Assistant:
    return Assistant.from_documents([markdown("pancakes.md", "Pancakes", PANCAKES)], encoder, threshold=0)


@pytest.mark.parametrize(
    ("question", "quotes"),
    [
        ("What are the ingredients of pancakes?", ITEMS),
        ("What are the steps to make pancakes?", STEPS),
        ("Which steps are there?", STEPS),
        ("Which shops are there?", ["Shop: Elm Street; Price: 3 euro", "Shop: Harbour; Price: 4 euro"]),
        ("What are pancakes?", ["Pancakes are thin and round, and people eat them for breakfast."]),
    ],
)
def test_a_list_is_quoted_item_by_item(pancakes: Assistant, question: str, quotes: list[str]) -> None:
    answer = pancakes.ask(question)
    assert [c.quote for c in answer.citations] == quotes
    document = pancakes.document("pancakes.md")
    assert document is not None
    assert all(c.quote == document.text[c.start : c.end] for c in answer.citations)


def test_a_question_for_one_thing_gets_one_item(pancakes: Assistant) -> None:
    answer = pancakes.ask("How much does a pancake cost in Elm Street?")
    assert "3. Fry in a hot pan." not in [c.quote for c in answer.citations]
    assert len(answer.citations) <= 3


def test_a_list_that_fills_several_passages_is_quoted_whole_with_its_passages_among_the_hits(
    encoder: Encoder,
) -> None:
    filler = "the works that stand there make steel and rails for the railways of the country and of its neighbours"
    names = (
        "Ashton Birchley Cedarham Elmstead Firwood Hazelton Larchfield Mapleby Oakham Pinewood Rowanby Yewdale".split()
    )
    items = [f"{n}. {name}: in {name} {filler}, {filler}." for n, name in enumerate(names, 1)]
    text = "# Steel\n\nSteel is made in the following towns:\n\n" + "\n".join(items)
    assistant = Assistant.from_documents([markdown("steel.md", "Steel", text + "\n\nNobody counts the rest.")], encoder)
    answer = assistant.ask("In which towns is steel made?")
    assert [c.quote for c in answer.citations] == ["Steel is made in the following towns:", *items]
    passages = [hit.passage for hit in answer.hits]
    assert len(passages) > 2
    assert all(any(p.start <= c.start and c.end <= p.end for p in passages) for c in answer.citations)
    assert [h.score for h in answer.hits] == sorted((h.score for h in answer.hits), reverse=True)


def test_a_list_without_the_beginning_of_any_item_is_none(encoder: Encoder) -> None:
    document = markdown("a.md", "A", "Ports:\n\n- coal is shipped. It is black.\n")
    (passage,) = Indexer(encoder, Analyzer()).split_all([document])
    cut = replace(passage, sentences=tuple(s._replace(opens=False) for s in passage.sentences))
    vectored = next(Indexer(encoder, Analyzer()).embed([cut]))
    store = LocalStore.build([document], [vectored], Analyzer())
    (kept,) = store.passages([0]).values()
    assert [s.list > 0 for s in kept.sentences] == [False, True, True]
    assert all(listing(store, 0, kept, number) is None for number in range(3))
