"""What a conversation spoke of, and which of it a pronoun stands for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from qa.english import (
    AFTER_AUXILIARY,
    AFTER_BE,
    AFTER_DO,
    AFTER_PLACE,
    ASKING,
    ASKS_NAME,
    ASKS_PLACE,
    AUXILIARY,
    BESIDE,
    CLAUSE,
    EMPTY_IT,
    ENDS_PHRASE,
    FEMALE,
    FUNCTION,
    MALE,
    NAME,
    NOT_NAMES,
    PERSON_NOUNS,
    PHRASE,
    PLACED_NAME,
    PRONOUNS,
    QUOTED,
    SUBJECT,
    SUBJECT_ASKED,
    THING_NOUNS,
    TWO_NAMES,
    VERBS,
    WORD,
    lower_words,
)

MAX_CARRIED = 140  # characters carried over in one place
BEST = 3  # how well a mention can suit a pronoun


class Kind(Enum):
    """What a mention may be, as far as its words show."""

    PERSON = "person"
    GROUP = "group"
    THING = "thing"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Mention:
    """A name or noun phrase of the conversation that a pronoun may stand for."""

    text: str
    kind: Kind
    named: bool
    gender: str = ""
    central: bool = False  # what the question was about: "the exports" of "What are the exports?"
    placed: bool = False  # after "in", "at", "from": hardly a person


@dataclass(frozen=True)
class Turn:
    """A question, made stand-alone, with its answer and the names that the question has."""

    question: str
    answer: str
    names: tuple[str, ...]
    is_topic: bool

    @classmethod
    def of(cls, question: str, answer: str) -> "Turn":
        """The turn, where a question typed without capitals has gained those that its answer shows."""
        if question.islower():
            for match in NAME.finditer(answer):
                name = match[0].removeprefix("The ").removeprefix("the ")
                if name.lower() not in NOT_NAMES:
                    question = re.sub(rf"\b{re.escape(name.lower())}\b", name, question)
        return cls(question, answer, tuple(names_in(question)), _is_topic(question))


@dataclass
class Memory:
    """The conversation so far; `genders` says which names were called he, she or it."""

    turns: list[Turn] = field(default_factory=list)
    genders: dict[str, str] = field(default_factory=dict)


def pronouns(question: str) -> Iterator[re.Match[str]]:
    """The third-person pronouns of a question, in their order, without an "it" that means nothing."""
    shouted = question.isupper()
    empty = EMPTY_IT.search(question)
    for match in WORD.finditer(question):
        word = match[0].lower()
        as_written = shouted or match[0][1:] == word[1:]  # not "the IT office"
        if word in PRONOUNS and as_written and not (word == "it" and empty):
            yield match


def has_own_antecedent(before: str, pronoun: str, memory: Memory) -> bool:
    """Whether what stands before the pronoun in its own question can be what it means."""
    sort, words = PRONOUNS[pronoun.lower()], lower_words(before)
    suiting = [name for name in names_in(before) if _suits(_mention(name, memory), sort, asked=True) > 1]
    if suiting or is_known(before, memory):
        return True
    # With a subject of its own: "Dendritic cells are so called as they ...", "Who said he ..."
    states = words[:1] and words[0] not in (FUNCTION | VERBS) - {"the", "a", "an"} and not AUXILIARY.isdisjoint(words)
    if states or (pronoun in ("he", "she", "they") and SUBJECT_ASKED.match(before)):
        return True
    if sum(word not in FUNCTION for word in words) > 5:
        return True
    if CLAUSE.match(before):
        return PRONOUNS.keys().isdisjoint(words)
    return sort == "it" and re.search(r"\b(?:the|a|an) \w{3,}", before, re.I) is not None


def antecedent(sort: str, memory: Memory) -> Mention | None:
    """The most recent mention that suits well, else the most recent that is not excluded."""
    for least in (2, 1):
        for turn in reversed(memory.turns):
            found = [(_suits(m, sort, asked=True), m) for m in _asked(turn, memory)]
            found += [(_suits(m, sort, asked=False), m) for m in _told(turn, memory)]
            best = max((score for score, _ in found), default=0)
            if best >= least:
                return next(mention for score, mention in found if score == best)
    return None


def _suits(mention: Mention, sort: str, *, asked: bool) -> int:
    """How well a mention suits a sort of pronoun: BEST, 2 well, 1 if there is nothing better, 0 not at all."""
    kind, named, text = mention.kind, mention.named, mention.text
    if sort in ("he", "she"):
        if kind is Kind.PERSON and (not mention.gender or mention.gender == sort):
            return BEST if named else 2
        unfit = mention.placed or text.isupper() or text.lower() in PERSON_NOUNS
        return (2 + (" " in text)) * (asked and named and kind is Kind.UNKNOWN and not unfit)
    if sort == "they":
        fits = {Kind.GROUP: 2 + 2 * named, Kind.UNKNOWN: 3 * (asked and not mention.placed)}
        fits |= {Kind.PERSON: 3 * asked, Kind.THING: 2 * (named and asked)}
    else:
        fits = {Kind.THING: 2 + named, Kind.UNKNOWN: 2, Kind.GROUP: int(named), Kind.PERSON: 0}
    return BEST + 1 if mention.central and fits[kind] > 1 else fits[kind]


def _asked(turn: Turn, memory: Memory) -> list[Mention]:
    """The names and noun phrases of a question, in their order."""
    question = turn.question
    pairs = [f"{match[1]} and {match[2]}" for match in TWO_NAMES.finditer(question)]
    mentions = []
    for text in sorted([*pairs, *turn.names, *_phrases(question)], key=question.find):
        mention, before = _mention(text, memory), question[: question.find(text)]
        central = (AFTER_BE if mention.named else AFTER_AUXILIARY).match(before) is not None
        mentions.append(replace(mention, central=central, placed=AFTER_PLACE.search(before) is not None))
    return mentions


def _told(turn: Turn, memory: Memory) -> list[Mention]:
    """The new names of an answer to a question that asked for a name; other answers name too much to choose from."""
    answer = turn.answer
    if not ASKS_NAME.match(turn.question):
        return []
    pairs = [f"{match[1]} and {match[2]}" for match in TWO_NAMES.finditer(answer)]
    names = [name for name in pairs + _capitalised(answer) if name not in turn.question]
    return [_mention(name, memory) for name in names if not BESIDE.search(answer[: answer.find(name)])]


def place_of(memory: Memory) -> str | None:
    """What "there" means: the place that was asked for or about, else the topic, unless that is a person."""
    question, answer = memory.turns[-1].question, memory.turns[-1].answer
    asked, told = ([match[1] for match in PLACED_NAME.finditer(text)] for text in (question, answer))
    for name in (told if ASKS_PLACE.match(question) else []) + asked + [topic_of(memory) or ""] + told:
        if name and name.split()[0].lower() not in NOT_NAMES - {"the"}:
            mention = _mention(name, memory)
            if mention.kind in (Kind.THING, Kind.UNKNOWN):
                return mention.text
    return None


# Names and noun phrases


def names_in(text: str) -> list[str]:
    """The names of a question; all of it where a person typed a topic."""
    return [clip(re.sub(r"\s*\(.*", "", text).strip(" ?!."))] if _is_topic(text) else _capitalised(text)


def _capitalised(text: str) -> list[str]:
    """Runs of capitalised words and what stands in quotes, without the capital of a sentence's first word."""
    found = [match[0] for match in QUOTED.finditer(text)]
    for match in NAME.finditer(text):
        words, after = match[0].split(" "), text[match.end() :]
        while words and words[0] != "the" and words[0].lower() in NOT_NAMES:
            words = words[1:]
        if words and words[0] == "the" and after.startswith(" ") and not words[-1].endswith("s"):
            words += _phrase_words(after)[:1]  # "the Soviet | union"
        opens = match.start() == 0 or text[: match.start()].rstrip()[-1:] in ".!?\n"
        bare = opens and words == [match[0]] and not after.startswith(("'s", "’s"))
        if words and not bare and len(words[-1]) > 1 and any(word[0].isupper() for word in words):
            found.append(clip(" ".join(words)))
    return found


def _is_topic(text: str) -> bool:
    """Whether a person typed a topic and no question: "Miracle on Ice"."""
    words = lower_words(text)
    if not 0 < len(words) <= 8 or not text[0].isupper() or text.rstrip().endswith((".", "?", ",")):
        return False
    return words[0] not in NOT_NAMES - {"the"} and ASKING.isdisjoint(words)


def _phrases(question: str) -> list[str]:
    """Noun phrases with an article or an owner: "the steel plant", "Zappa's first album"."""
    found = []
    for match in PHRASE.finditer(question):
        if match["article"] and not AFTER_BE.match(question[: match.start()]):
            continue  # "as a child" names nobody
        words = _phrase_words(match["noun"])
        rest = WORD.search(match["noun"], len(" ".join(words)))
        if len(words) > 1 and AFTER_DO.search(question[: match.start()]) and (not rest or rest[0] in FUNCTION):
            words.pop()  # the verb: "does the warranty | cover"
        if words and words[0].islower() and words[-1] not in ENDS_PHRASE | {"of", "first", "last", "next"}:
            found.append(clip(" ".join([match["owner"] or "the", *words])))
    return found


def _phrase_words(text: str) -> list[str]:
    """The words of a noun phrase, up to what cannot be part of one."""
    words: list[str] = []
    for word in re.split(r"[^\w-]", text.removeprefix(" "))[:5]:
        if not word or word.lower() in ENDS_PHRASE or word.endswith(("ed", "ly")):
            break
        words.append(word)
    return words


def _mention(text: str, memory: Memory) -> Mention:
    text = fullest(text, memory)
    words = lower_words(text) or [text]
    named = any(word[0].isupper() for word in text.split())
    owned, several, definite = "'s " in text, " and " in text, words[0] == "the"
    gender = _gender(text, words, memory) if named and not owned and not several else ""
    head = words[words.index("of") - 1] if "of" in words and definite else words[-1]
    plural = head.endswith("s") and not head.endswith(("ss", "us", "is"))
    if gender in ("he", "she") or head in PERSON_NOUNS:
        kind = Kind.PERSON
    elif several or head in ("people", "children") or (plural and (owned or definite or not named)):
        kind = Kind.GROUP
    elif gender or owned or definite or not named or text[0] in '"“«' or not THING_NOUNS.isdisjoint(words):
        kind = Kind.THING
    else:
        kind = Kind.UNKNOWN
    return Mention(text, kind, named, gender)


def _gender(name: str, words: list[str], memory: Memory) -> str:
    """How a name was called before, else what a very common given name says, or an "in" before it."""
    if " " not in name and any(f" in {name}" in turn.question for turn in memory.turns):
        return "it"
    if not THING_NOUNS.isdisjoint(words):
        return ""
    return memory.genders.get(name) or ("he" if words[0] in MALE else "she" if words[0] in FEMALE else "")


def fullest(name: str, memory: Memory) -> str:
    """The longest form of a name in the questions so far: "Zappa" -> "Frank Zappa"."""
    if not name[:1].isupper():
        return name
    forms = [form for turn in memory.turns for form in turn.names if name in form.split(" ") and form.count(" ") < 3]
    forms += [form for turn in memory.turns if turn.is_topic for form in turn.names if f" {name} " in f" {form} "]
    return max(forms, key=len, default=name)


def is_known(text: str, memory: Memory) -> bool:
    """Whether a name of the conversation is in the text, perhaps without its capital: "who did zappa marry"."""
    words = [word for turn in memory.turns for name in turn.names for word in name.split()]
    names = {word.lower() for word in words if word.istitle() and len(word) > 3}
    return not names.isdisjoint(lower_words(text))


def topic_of(memory: Memory) -> str | None:
    """The name in the latest question that has one, of several the one that was asked about most.

    Without names it is what the last question named as its subject: "Tell me about the coal mines".
    """
    for turn in reversed(memory.turns):
        if turn.names:
            counts = [sum(name in other.question for other in memory.turns) for name in turn.names]
            return fullest(turn.names[counts.index(max(counts))], memory)
    subject = SUBJECT.search(memory.turns[-1].question) if memory.turns else None
    return next(iter(_phrases(subject[1])), None) if subject else None


def clip(text: str) -> str:
    """At most MAX_CARRIED characters of a text, whole words."""
    return text if len(text) <= MAX_CARRIED else text[:MAX_CARRIED].rsplit(" ", 1)[0]
