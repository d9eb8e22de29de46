import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qa.followup import MAX_ADDED, MAX_PAIRS, Pair, standalone

CITY: list[Pair] = [("What is Novokuznetsk known for?", "Novokuznetsk is known for its steel works and coal mines.")]
PLANT: list[Pair] = [("Where is the steel plant?", "The steel plant stands on the Tom.")]
NAMED: list[Pair] = [("Why is Novokuznetsk called the City of Black Gold?", "Because of its coal.")]
CITIES: list[Pair] = [
    ("Which cities lie on the Tom?", "The cities on the river Tom are Novokuznetsk, Kemerovo, Tomsk and Seversk.")
]
TYPED: list[Pair] = [("Frank Zappa", "He was a composer.")]
FOUNDER: list[Pair] = [("Who founded the steel works?", "The works were founded by John Hughes in 1870.")]
PEOPLE: list[Pair] = [("How many people live in London?", "Nine million.")]
OPERA: list[Pair] = [("What did Maria Orlova build?", "She built the opera house.")]


@pytest.mark.parametrize(
    ("history", "question", "expected"),
    [
        (CITY, "And its coal?", "And Novokuznetsk's coal?"),
        (CITY, "When was it founded?", "When was Novokuznetsk founded?"),
        (CITY, "when was it founded", "when was Novokuznetsk founded"),
        (CITY, "WHEN WAS IT FOUNDED?", "WHEN WAS Novokuznetsk FOUNDED?"),
        (CITY, "Who founded it and when?", "Who founded Novokuznetsk and when?"),
        (PLANT, "When was it built?", "When was the steel plant built?"),
        (PLANT, "Its chimneys?", "The steel plant's chimneys?"),
        (TYPED, "When did he die?", "When did Frank Zappa die?"),
        (TYPED, "Who was his wife?", "Who was Frank Zappa's wife?"),
        (TYPED, "Who married him?", "Who married Frank Zappa?"),
        (OPERA, "Who taught her?", "Who taught Maria Orlova?"),
        (OPERA, "Who was her teacher?", "Who was Maria Orlova's teacher?"),
        ([("What are the main exports of Novokuznetsk?", "Steel.")], "Where do they go?",
         "Where do the main exports of Novokuznetsk go?"),
    ],
)  # fmt: skip
def test_a_pronoun_is_replaced_in_place(history: list[Pair], question: str, expected: str) -> None:
    assert standalone(question, history) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who lives there?", "Who lives in Novokuznetsk?"),
        ("How do I get there?", "How do I get to Novokuznetsk?"),
        ("How many bridges are there?", "How many bridges are there?"),
        ("Is there a theatre in Tomsk?", "Is there a theatre in Tomsk?"),
    ],
)
def test_there_is_a_place_unless_it_means_nothing(question: str, expected: str) -> None:
    assert standalone(question, CITY) == expected


@pytest.mark.parametrize(
    ("history", "question", "expected"),
    [
        (NAMED, "And since when?", "Since when is Novokuznetsk called the City of Black Gold?"),
        ([("When did it close?", "")], "Why?", "Why did it close?"),
        ([("Did the Tom freeze?", "Yes.")], "When?", "When did the Tom freeze?"),
        (PLANT, "Why?", "Why? (Where is the steel plant)"),
        (CITY, "What else?", "What else is Novokuznetsk known for?"),
        (NAMED, "Who else?", "Who else? (Why is Novokuznetsk called the City of Black Gold)"),
        (CITIES, "Any others?", "Any others? (Which cities lie on the Tom)"),
        (CITIES, "Which one?", "Which one? (Which cities lie on the Tom)"),
        (CITIES, "How many?", "How many? (Which cities lie on the Tom)"),
        (PEOPLE, "And in Paris?", "How many people live in Paris?"),
        (PEOPLE, "What about Paris?", "How many people live in Paris?"),
        ([("Who ruled Paris in 1800?", "")], "And in 1900?", "Who ruled Paris in 1900?"),
        (PEOPLE, "And in 1900?", "And in 1900? (How many people live in London)"),
        (CITY, "And coal?", "And coal? (Novokuznetsk)"),
    ],
)
def test_a_fragment_takes_the_previous_frame(history: list[Pair], question: str, expected: str) -> None:
    assert standalone(question, history) == expected


@pytest.mark.parametrize(
    ("answer", "question", "expected"),
    [
        (CITIES[0][1], "What about the second one?", "What about Kemerovo?"),
        (CITIES[0][1], "When was the first one founded?", "When was Novokuznetsk founded?"),
        (CITIES[0][1], "And the last one?", "And Seversk?"),
        ("1. Steel 2. Coal 3. Gold", "What about the third?", "What about Gold?"),
        ("The plant makes steel, rails and aluminium.", "What about the first one?", "What about steel?"),
        ("It burned down.", "What about the second one?", "What about the second one? (the Tom)"),
        (CITIES[0][1], "What about the fifth one?", "What about the fifth one? (the Tom)"),
    ],
)
def test_the_nth_item_of_an_answer_that_lists(answer: str, question: str, expected: str) -> None:
    assert standalone(question, [("Which cities lie on the Tom?", answer)]) == expected


@pytest.mark.parametrize(
    ("history", "question", "expected"),
    [
        (CITY, "Who is the mayor?", "Who is the mayor? (Novokuznetsk)"),
        (CITY, "Tell me more", "Tell me more (Novokuznetsk)"),
        (CITY, "What happened next?", "What happened next? (What is Novokuznetsk known for)"),
        (CITY, "What happened in 1941?", "What happened in 1941? (Novokuznetsk)"),
        (CITY, "What else is in this document?", "What else is in this document? (Novokuznetsk)"),
        (CITY, "Is there more about this topic?", "Is there more about Novokuznetsk?"),
        (TYPED, "What did Frank write?", "What did Frank Zappa write?"),
    ],
)
def test_what_says_too_little_alone_gets_the_topic(history: list[Pair], question: str, expected: str) -> None:
    assert standalone(question, history) == expected


def test_it_is_no_person_and_he_no_thing() -> None:
    history = [("What did Frank Zappa say about the Berlin Wall?", "That it would fall.")]
    assert standalone("When was he born?", history) == "When was Frank Zappa born?"
    assert standalone("How long is it?", history) == "How long is the Berlin Wall?"


def test_she_is_not_a_man() -> None:
    assert standalone("What did she do?", TYPED) == "What did she do?"


def test_a_name_that_was_asked_for_is_taken_from_the_answer() -> None:
    assert standalone("When was he born?", FOUNDER) == "When was John Hughes born?"


def test_a_place_is_not_he() -> None:
    history = [("How many people live in Novokuznetsk?", "537,480."), ("When was Novokuznetsk renamed?", "In 1932.")]
    assert standalone("Who was he?", history) == "Who was he?"


def test_the_verb_is_no_part_of_the_noun_phrase() -> None:
    history = [("What does the warranty cover?", "It covers defects.")]
    assert standalone("How do I claim it?", history) == "How do I claim the warranty?"


def test_a_name_typed_small_is_known_from_the_answer() -> None:
    history = [("what is novokuznetsk known for", "The city of Novokuznetsk is known for its steel works.")]
    assert standalone("and its coal?", history) == "and Novokuznetsk's coal?"


def test_the_most_recent_topic_counts() -> None:
    history = [*CITY, ("What is the Trans-Siberian Railway?", "A railway.")]
    assert standalone("When was it opened?", history) == "When was the Trans-Siberian Railway opened?"


def test_a_topic_lives_on_through_pronouns_whether_or_not_the_rewrites_are_kept() -> None:
    asked = [("Where was he born?", "In Baltimore."), ("Who was his wife?", "I don't know.")]
    rewritten = [("Where was Frank Zappa born?", "In Baltimore."), ("Who was Frank Zappa's wife?", "")]
    assert standalone("When did he die?", TYPED + asked) == "When did Frank Zappa die?"
    assert standalone("When did he die?", TYPED + rewritten) == "When did Frank Zappa die?"


def test_only_the_last_pairs_count() -> None:
    filler = [("How deep is the sea?", "Deep.")] * MAX_PAIRS
    assert "Zappa" in standalone("When did he die?", TYPED + filler[1:])
    assert standalone("When did he die?", TYPED + filler) == "When did he die?"


@pytest.mark.parametrize(
    "answer", ["The documents don't say.", "The documents don’t say, but see John Hughes.", "I don't know."]
)
def test_the_words_of_an_answer_that_abstains_are_not_carried(answer: str) -> None:
    assert standalone("When was he born?", [("Who founded the steel works?", answer)]) == "When was he born?"


ALONE = [
    "What is photosynthesis?",
    "Which river flows through Tomsk?",
    "When Caesar crossed the river, what did he say?",
    "when caesar crossed the river, what did he say?",
    "Why did Anna Karenina leave her husband?",
    "Did the Beatles write their own songs?",
    "Who said he would resign?",
    "Dendritic cells are named that because they resemble what?",
    "Is it raining?",
    "What time is it?",
    "How long does it take to get to Moscow?",
    "Is it true that steel rusts?",
    "Why is it important to drink water?",
    "What does the IT department do?",
    "Which animals eat plants that grow near water?",
    "What is the capital of France?",
    "What is the largest planet?",
    "What did Frank Zappa say when Frank left?",
    "How many legs does a spider have?",
    "How many bridges are there in Venice?",
    "And what is the population of Berlin?",
    "Когда он был построен?",
    "Was ist das?",
    "Wann wurde es gebaut und wer hat das gemacht?",
    "¿Cuándo se construyó?",
    "pero no he visto el puente de la ciudad",
    "Which metals melt at the same temperature?",
    "Quand est-ce qu'il a été construit?",
    "它是什么时候建成的？",
    "coal",
    "?",
    "   ",
    "🙂",
    "",
]


@pytest.mark.parametrize("question", ALONE)
@pytest.mark.parametrize("history", [CITY, PLANT, CITIES, TYPED, FOUNDER], ids=lambda history: history[0][0])
def test_a_question_that_stands_alone_is_not_changed(question: str, history: list[Pair]) -> None:
    assert standalone(question, history) == question


@pytest.mark.parametrize("question", [*ALONE, "When was it built?", "Why?", "Who is the mayor?", "And its coal?"])
def test_without_history_nothing_is_changed(question: str) -> None:
    assert standalone(question, []) == question


@pytest.mark.parametrize(
    ("history", "question"), [(CITY, "And its coal?"), (NAMED, "Why?"), (CITY, "Who is the mayor?")]
)
def test_a_rewrite_stands_alone(history: list[Pair], question: str) -> None:
    once = standalone(question, history)
    assert once != question
    assert standalone(once, history) == once


def test_a_very_long_question_is_not_changed() -> None:
    question = "What about it and " + "the coal " * 250 + "?"
    assert len(question) > 2000
    assert standalone(question, CITY) == question


# Texts that look like questions and names, so that the rules are reached, and any text at all.
LIKELY = st.lists(
    st.sampled_from(
        """what when who why which is was did does the a its it he she they there second one first and about Frank Zappa
        Tom Novokuznetsk coal , . ? ( ) " 's 1. 2. else more this that article to in from of""".split()
    ),
    max_size=14,
).map(" ".join)
TEXT = st.one_of(LIKELY, st.text(max_size=60), st.text(st.characters(categories=["Lu", "Mn", "Cf", "Cs"]), max_size=20))


@settings(max_examples=1500, deadline=None)
@given(TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=10))
def test_any_text_is_answered_with_a_text_not_much_longer(question: str, history: list[Pair]) -> None:
    result = standalone(question, history)
    assert bool(result) == bool(question)
    assert len(result) <= len(question) + MAX_ADDED
    assert standalone(question, history) == result


@given(TEXT)
def test_any_text_without_history_is_unchanged(question: str) -> None:
    assert standalone(question, []) == question


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ALONE), st.lists(st.tuples(LIKELY, LIKELY), max_size=5))
@example("What did Frank Zappa say when Frank left?", [("Frank there", "")])
def test_most_histories_leave_a_question_that_stands_alone(question: str, history: list[Pair]) -> None:
    assert standalone(question, [*history, *CITY]) == question
