"""Turn a follow-up question into one that stands alone, by rules and short word lists, without a language model.

A question is changed in one of three ways, the first that applies:

1. a fragment ("And since when?", "What about the second one?") is put into the previous question's frame;
2. a pronoun is replaced, in place, by what it stands for: "When was it built?" -> "When was the steel plant built?";
3. what has no place in the sentence is appended in brackets: "Who is the mayor?" -> "Who is the mayor? (Novokuznetsk)".

What was asked before is itself made stand-alone first, oldest to newest, so that a topic lives on through "he ... his".
Only English is understood; anything else comes back as it was. In doubt the question is left alone: the person sees
what was searched and can add to it, but should not have to undo a guess.
"""

import re
from collections.abc import Sequence

from qa.english import (
    ABOUT,
    ADVERBIAL,
    ASKING,
    AUX,
    AUXILIARY,
    BARE,
    BE,
    FEMALE,
    FOREIGN,
    FUNCTION,
    GENERIC,
    JOINED,
    MALE,
    MOVES,
    NAME,
    NO_ANSWER,
    NO_NOUN,
    NTH,
    ONLY_ADVERBIAL,
    ONLY_ELSE,
    ORDINALS,
    POINTING,
    POSSESSIVES,
    PRONOUNS,
    STANDS_ALONE,
    THE_NOUN,
    THERE,
    THIS_TEXT,
    VERBS,
    WORD,
    YEAR,
    lower_words,
)
from qa.mentions import (
    Kind,
    Memory,
    Mention,
    Turn,
    antecedent,
    clip,
    fullest,
    has_own_antecedent,
    is_known,
    names_in,
    place_of,
    pronouns,
    topic_of,
)

Pair = tuple[str, str]

MAX_PAIRS = 8  # older pairs are hardly what a pronoun means, and each one costs time
MAX_QUESTION = 400  # a longer question brings its own context
MAX_ANSWER = 600  # characters of an answer that are read
MAX_ADDED = 300  # a rewrite that adds more is dropped


def standalone(question: str, history: Sequence[Pair]) -> str:
    """The question with what it takes from the conversation written out, or unchanged where it stands alone.

    `history` is (question, answer) pairs, oldest first; the questions may be stand-alone forms already. An answer that
    abstains is not read. Never raises on any text, and never adds more than MAX_ADDED characters.
    """
    memory = Memory()
    for asked, answer in history[-MAX_PAIRS:]:
        read = "" if NO_ANSWER.match(answer) else answer[:MAX_ANSWER]
        memory.turns.append(Turn.of(_resolve(asked, memory)[:MAX_QUESTION], read))
    return _resolve(question, memory)


def _resolve(question: str, memory: Memory) -> str:
    if not memory.turns or len(question) > MAX_QUESTION or not _is_english(question):
        return question
    result = _reframed(question, memory) or _replaced(question, memory) or _appended(question, memory) or question
    return result if len(result) <= len(question) + MAX_ADDED else question


def _is_english(question: str) -> bool:
    words = lower_words(question)
    foreign = sum(word in FOREIGN for word in words)
    return foreign < 2 and not FUNCTION.isdisjoint(words) and question.strip().isprintable()


# 1. Fragments


def _reframed(question: str, memory: Memory) -> str | None:
    """A fragment in the frame of the previous question, or beside it where that cannot be said."""
    previous = _frame(memory.turns[-1].question)
    if match := ONLY_ADVERBIAL.match(question):
        return _with_adverbial(match[1], previous) or _append(question, previous)
    if match := ONLY_ELSE.match(question):
        same = re.match(rf"{match[2]}(?= (?!else))", previous, re.I)
        return f"{_capital(match[1])}{previous[same.end() :]}?" if same else _append(question, previous)
    if NO_NOUN.match(question):
        return _append(question, previous)
    if match := NTH.search(question):
        if item := _nth(memory.turns[-1].answer, ORDINALS[match[1].lower()]):
            return question[: match.start()] + item + question[match.end() :]
        return _append(question, topic_of(memory))
    return _parallel(question, previous, memory)


def _frame(question: str) -> str:
    """The previous question without its end mark; of "Why? (Did it close)" what is in the brackets."""
    inner = re.match(r".{0,40}\((.{20,})\)\W*$", question)
    return (inner[1] if inner else question).strip(" ?!.")


def _with_adverbial(adverbial: str, previous: str) -> str | None:
    """ "Why?" after "Did it close" or "When did it close": "Why did it close?" """
    first, last = previous.split(" ", maxsplit=1)[0], previous.rsplit(" ", maxsplit=1)[-1]
    if first.lower() in AUXILIARY:
        return f"{_capital(adverbial)} {first.lower()}{previous[len(first) :]}?"
    asked = re.match(rf"{ADVERBIAL}(?= (?:{AUX}) )", previous, re.I)
    if not asked:
        return None
    rest = previous[asked.end() :]
    says_nothing = re.fullmatch(rf" (?:{BE}) (?:the |an? )?\S+(?: \S+)?", rest, re.I)  # "Where is the plant?" - "Why?"
    if says_nothing and last not in VERBS and not last.endswith(("ed", "en")):
        return None
    return f"{_capital(adverbial)}{rest}?"


def _parallel(question: str, previous: str, memory: Memory) -> str | None:
    """ "And in London?" after a question on Paris: that question, on London. "And coal?": the same topic, on coal."""
    match = ABOUT.match(question)
    if not match or len(WORD.findall(question)) > 7 or any(pronouns(question)) or THERE.search(question):
        return None
    rest, preposition = match["rest"], (match["prep"] or "").strip().lower()
    if YEAR.fullmatch(rest):
        return _swap(YEAR, rest, previous) or _append(question, previous)
    if not ASKING.isdisjoint(lower_words(rest)):
        return None
    names = names_in(previous)
    old = [name for name in names if f"{preposition} {name}" in previous] or names
    alike = preposition or (old and old[0].startswith("the ") == rest.startswith("the "))
    if NAME.fullmatch(rest) and len(old) == 1 and alike:
        return _swap(re.compile(rf"(?<!\w){re.escape(old[0])}(?!\w)"), rest, previous)
    return _append(question, topic_of(memory) or previous)


def _swap(old: re.Pattern[str], new: str, previous: str) -> str | None:
    changed, count = old.subn(lambda _: new, previous, count=1)
    return f"{changed}?" if count and changed != previous else None


def _nth(answer: str, index: int) -> str | None:
    """The n-th item of an answer that enumerates: numbered or bulleted, or a list with commas and "and"."""
    items = re.findall(r"(?:^|\s)(?:\d{1,2}[.)]|[-*•])\s+(.+?)(?=\s+(?:\d{1,2}[.)]|[-*•])\s|$)", answer, re.S)
    if len(items) < 2:
        listed = re.search(r"(?:[^,.;:()]{2,60}, ){1,12}(?:[^,.;:()]{2,60}?,? )?(?:and|or) [^,.;:()]{2,60}", answer)
        listed = listed or re.search(rf"{JOINED} and (?:the )?{JOINED}", answer)
        items = re.split(r",? (?:and|or) |, ", listed[0]) if listed else []
        items[:1] = [_after_opening(item) for item in items[:1]]
        items[-1:] = [_before_rest(item) for item in items[-1:]]
    if len(items) < 2 or index >= len(items):
        return None
    return clip(items[index].strip(" .,;")) or None


def _after_opening(item: str) -> str:
    """A list's first item begins after the verb or preposition that brings in the list."""
    opening = r".*\b(?:is|are|was|were|has|have|had|includ\w+|namely|by|with|to|of|in|from|between|produces?|makes?)\s"
    return re.sub(opening, "", item, flags=re.S)


def _before_rest(item: str) -> str:
    """A list's last item ends with its name, or before the clause that goes on."""
    name = NAME.match(item)
    return name[0] if name else re.split(r"\s(?:in|on|at|for|from|with|by|which|that|who|is|are|was|were)\b", item)[0]


# 2. Pronouns


def _replaced(question: str, memory: Memory) -> str | None:
    """The first pronoun of each sort replaced by what it stands for, unless that is in the question itself."""
    result, end, seen, named = "", 0, set[str](), True
    for match in pronouns(question):
        sort = PRONOUNS[match[0].lower()]
        if sort in seen or len(seen) == 2 or has_own_antecedent(question[: match.start()], match[0], memory):
            continue
        seen.add(sort)
        mention = antecedent(sort, memory)
        if mention is None or mention.text.lower() in (question + result).lower():
            continue
        if sort != "they":
            memory.genders[mention.text] = sort
        named &= mention.named
        result += question[end : match.start()] + _inflected(mention, match[0].lower(), question[match.end() :])
        end = match.end()
    there = THERE.search(question, end) if len(seen) < 2 else None
    if there and (place := place_of(memory)):
        before = question[end : there.start()]
        result += before + (there[1] or ("to " if MOVES.search(before) else "in ")) + place
        end = there.end()
    result = _capital(result + question[end:]) if question[0].isupper() else result + question[end:]
    topic = topic_of(memory)
    if end and not named and topic and topic.lower() not in result.lower():
        return _append(result, topic)  # "the album" alone says too little
    return result if end else None


def _inflected(mention: Mention, word: str, after: str) -> str:
    """The mention in the pronoun's form: with 's for "its", and for "her" where a noun follows."""
    owns = word in POSSESSIVES
    if word == "her":
        following = WORD.match(after.lstrip())
        owns = following is not None and following[0].lower() not in FUNCTION
    plural = mention.kind is Kind.GROUP and mention.text.endswith("s")
    return mention.text + ("'" if plural else "'s") * owns


# 3. Appending


def _appended(question: str, memory: Memory) -> str | None:
    """The question with a first name made whole, or with the topic where it has no name of its own."""
    names = names_in(question)
    for name in names:
        whole = fullest(name, memory)
        continued = any(other.startswith(name + " ") for other in names)
        first = whole.startswith(name + " ") and whole not in question and not continued
        if first and (name.lower() in MALE | FEMALE or whole in memory.genders):
            return question.replace(name, whole, 1)
    topic = topic_of(memory)
    if topic is None or names or is_known(question, memory):
        return None
    if THIS_TEXT.search(question):
        return THIS_TEXT.sub(lambda _: topic, question, count=1)
    return _append(question, topic) if _needs_topic(question) else None


def _needs_topic(question: str) -> bool:
    """Whether a question without a name says too little alone: "What happened next?", "Who is the mayor?" """
    words = lower_words(question)
    if len(words) <= 3 and BARE.match(question):
        return (AUXILIARY | VERBS).isdisjoint(words)
    if len(words) > 8:
        return False
    definite = THE_NOUN.search(question) and not STANDS_ALONE.search(question)
    return bool(definite or POINTING.search(question) or GENERIC.search(question))


def _append(question: str, carried: str | None) -> str:
    if not carried or carried.lower() in question.lower():
        return question
    return f"{question.rstrip()} ({clip(carried)})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
