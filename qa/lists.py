"""A sentence that stands in a list, or leads to one → all of the list's items, from as many passages as they fill."""

from collections.abc import Iterator
from typing import NamedTuple

from qa.stores import Entry, Store
from qa.types import Passage, Sentence

Place = tuple[Passage, Sentence]


class Listing(NamedTuple):
    """A list's items in order, and the sentence that stands before the first, where there is one."""

    lead: Place | None
    items: list[Place]

    @property
    def name(self) -> str:
        """What says which list it is: the nearest heading and the lead."""
        heading = self.items[0][0].heading.rpartition(" › ")[2]
        return f"{heading} {self.lead[1].text if self.lead else ''}"


def listing(store: Store, entry: Entry, sentence: int) -> Listing | None:
    """The list that a passage's sentence of this number is in or stands right before; None where there is none.

    Where a list is cut off before its first item, as at the end of what a store has, there is none either.
    """
    passage = entry.passage
    wanted = passage.sentences[sentence].list
    if not wanted:
        following = _next(store, entry, sentence)
        if following is None or not following.opens:
            return None
        wanted = following.list
    around = [*reversed(list(_run(store, entry.number, -1, passage, wanted)))]
    around += [passage, *_run(store, entry.number, 1, passage, wanted)]
    places = [(p, s) for p in around for s in p.sentences]
    first = next(i for i, (_, s) in enumerate(places) if s.list == wanted)
    lead = places[first - 1] if first and places[first - 1][0].heading == places[first][0].heading else None
    items = [(p, s) for p, s in places if s.list == wanted and s.opens]
    return Listing(lead, items) if items else None


def _next(store: Store, entry: Entry, sentence: int) -> Sentence | None:
    if sentence + 1 < len(entry.passage.sentences):
        return entry.passage.sentences[sentence + 1]
    following = _neighbour(store, entry.number + 1, entry.passage)
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
    found = [entry.passage for entry in store.entries([number])]
    return found[0] if found and found[0].document_id == passage.document_id else None
