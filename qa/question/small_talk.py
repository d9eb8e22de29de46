"""Hints instead of answers: for greetings, thanks, other languages, and questions without a word to search for."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from qa.question.languages import is_foreign
from qa.text.languages import LANGUAGES
from qa.text.normalization import WORD, fold
from qa.text.terms import Analyzer

if TYPE_CHECKING:
    from qa.index.store import Store

# These match a question's folded words, joined by single spaces.
GREETING = re.compile(
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|hallo|guten (?:morgen|tag|abend)|hola"
    r"|buenos dias|bonjour|salut|ciao|ola|hej|merhaba|привет|здравствуи(?:те)?|добрыи (?:день|вечер))"
    r"(?: (?:there|all|everyone|everybody|again|you))?"
)
THANKS = re.compile(
    r"(?:(?:ok|okay|great|good|nice|perfect|cool|super) )?"
    r"(?:thanks?|thank you|thx|cheers|danke|vielen dank|gracias|merci|grazie|obrigad[oa]|tack|tak|спасибо)"
    r"(?: (?:a lot|so much|very much|again|you|all|for (?:that|this|your help)|schon|sehr|большое))*"
)
FAREWELL = re.compile(r"(?:good ?bye|bye(?: bye)?|see you(?: later)?|tschuss|adios|au revoir|пока|до свидания)")
NAMED = 3  # examples or topics in a hint


class Hint(NamedTuple):
    """What is said instead of searching, and why: one of REASONS, with what it names."""

    reason: str
    text: str
    examples: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def hint(
    question: str, languages: Sequence[str], store: "Store", analyzer: Analyzer, examples: Sequence[str] = ()
) -> Hint | None:
    """Return what to say instead of searching, or None if the question can be searched.

    `languages` are the codes of the languages that can be asked in; none means any. `examples` are questions that are
    answered.
    """
    examples = tuple(examples[:NAMED])
    spoken, terms = _spoken(question), set(analyzer.terms(question))
    if GREETING.fullmatch(spoken):
        return Hint("greeting", f"Hello! {_invitation(store, examples)}", examples)
    if THANKS.fullmatch(spoken):
        return Hint("thanks", f"You’re welcome. {_invitation(store, examples)}", examples)
    if FAREWELL.fullmatch(spoken):
        return Hint("farewell", "Goodbye!")
    if not terms:
        return Hint("empty", f"There is no word in that to search for. {_invitation(store, examples)}", examples)
    if languages and is_foreign(question, languages, lambda: 2 * len(store.known(list(terms))) >= len(terms)):
        names = " or ".join(LANGUAGES[code].capitalize() for code in languages)
        text = f"That doesn’t seem to be in {names}: ask these documents in {names}."
        return Hint("foreign", text, languages=tuple(languages))
    return None


def is_small_talk(question: str) -> bool:
    """Return whether a question is only a greeting, thanks or a farewell."""
    spoken = _spoken(question)
    return any(pattern.fullmatch(spoken) for pattern in (GREETING, THANKS, FAREWELL))


def _spoken(question: str) -> str:
    return " ".join(WORD.findall(fold(question)))


def _invitation(store: "Store", examples: Sequence[str]) -> str:
    if examples:
        return f"Ask these documents a question, for instance {_quoted(examples)}"
    topics = topics_of(store, NAMED)
    return f"Ask these documents a question{f', for instance about {_quoted(topics)}' if topics else ''}."


def _quoted(texts: Sequence[str]) -> str:
    return " or ".join(f"“{text}”" for text in texts)


def topics_of(store: "Store", k: int) -> list[str]:
    """Return up to k headings or titles, spread evenly over the documents."""
    headings = store.headings()
    return [headings[i * len(headings) // k] for i in range(k)] if len(headings) > k else headings
