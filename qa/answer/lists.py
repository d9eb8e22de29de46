"""Lists: a sentence in a list, or leading to one → all items of that list, across passages if need be."""

from collections.abc import Iterator
from typing import NamedTuple

from qa.index.store import Store
from qa.types import Passage, Sentence

Place = tuple[Passage, Sentence]


class Listing(NamedTuple):
    """A list: its items in order, and the sentence before the first if there is one."""

    lead: Place | None
    items: list[Place]


def listing(store: Store, number: int, passage: Passage, sentence: int) -> Listing | None:
    """Return the list that a sentence of a passage belongs to or directly precedes, or None.

    `number` is the passage's number in the store, `sentence` the sentence's index in the passage. Returns None as well
    if the store ends before the list's first item.
    """
    list_id = passage.sentences[sentence].list
    if not list_id:
        following = _next_sentence(store, number, passage, sentence)
        if following is None or not following.opens:
            return None
        list_id = following.list
    passages = [*reversed(list(_adjacent(store, number, -1, passage, list_id)))]
    passages += [passage, *_adjacent(store, number, 1, passage, list_id)]
    places = [(p, s) for p in passages for s in p.sentences]
    first = next(i for i, (_, s) in enumerate(places) if s.list == list_id)
    lead = places[first - 1] if first and places[first - 1][0].heading == places[first][0].heading else None
    items = [(p, s) for p, s in places if s.list == list_id and s.opens]
    return Listing(lead, items) if items else None


def _next_sentence(store: Store, number: int, passage: Passage, sentence: int) -> Sentence | None:
    if sentence + 1 < len(passage.sentences):
        return passage.sentences[sentence + 1]
    following = _neighbour(store, number + 1, passage)
    return following.sentences[0] if following else None


def _adjacent(store: Store, number: int, step: int, passage: Passage, list_id: int) -> Iterator[Passage]:
    """Yield the passages after a passage (step 1) or before it (-1) while they hold the same list.

    Backwards, the passage that may hold the lead comes last.
    """
    while (other := _neighbour(store, number + step, passage)) and any(s.list == list_id for s in other.sentences):
        number += step
        yield other
    if step < 0 and other and other.sentences[-1].list == 0:
        yield other


def _neighbour(store: Store, number: int, passage: Passage) -> Passage | None:
    """Return the passage of a number if it belongs to the same document."""
    other = store.passages([number]).get(number)
    return other if other and other.document_id == passage.document_id else None
