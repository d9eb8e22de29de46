"""A sentence that stands in a list, or leads to one → all of the list's items, from as many passages as they fill."""

from collections.abc import Iterator
from typing import NamedTuple

from qa.index.store import Store
from qa.types import Passage, Sentence

Place = tuple[Passage, Sentence]


class Listing(NamedTuple):
    """A list's items in order, and the sentence that stands before the first, where there is one."""

    lead: Place | None
    items: list[Place]


def listing(store: Store, number: int, passage: Passage, sentence: int) -> Listing | None:
    """The list that a sentence of the passage of this number is in or stands right before; None where there is none.

    Where a list is cut off before its first item, as at the end of what a store has, there is none either.
    """
    wanted = passage.sentences[sentence].list
    if not wanted:
        following = _next(store, number, passage, sentence)
        if following is None or not following.opens:
            return None
        wanted = following.list
    around = [*reversed(list(_run(store, number, -1, passage, wanted)))]
    around += [passage, *_run(store, number, 1, passage, wanted)]
    places = [(p, s) for p in around for s in p.sentences]
    first = next(i for i, (_, s) in enumerate(places) if s.list == wanted)
    lead = places[first - 1] if first and places[first - 1][0].heading == places[first][0].heading else None
    items = [(p, s) for p, s in places if s.list == wanted and s.opens]
    return Listing(lead, items) if items else None


def _next(store: Store, number: int, passage: Passage, sentence: int) -> Sentence | None:
    if sentence + 1 < len(passage.sentences):
        return passage.sentences[sentence + 1]
    following = _neighbour(store, number + 1, passage)
    return following.sentences[0] if following else None


def _run(store: Store, number: int, step: int, passage: Passage, wanted: int) -> Iterator[Passage]:
    """The passages next to one that hold the list too; backwards, also the one that leads to it."""
    while (found := _neighbour(store, number + step, passage)) and any(s.list == wanted for s in found.sentences):
        number += step
        yield found
    if step < 0 and found and found.sentences[-1].list == 0:
        yield found


def _neighbour(store: Store, number: int, passage: Passage) -> Passage | None:
    """The passage of a number, where it is of the same document."""
    found = store.passages([number]).get(number)
    return found if found and found.document_id == passage.document_id else None
