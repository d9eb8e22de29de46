"""English as `followup` knows it: word lists, and the patterns of questions that lean on what came before."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WH = _words("what when where who whom whose which why how")
AUXILIARY = _words(
    """is are was were be been being am do does did has have had can could will would shall should may might must
    isn't aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't can't couldn't won't wouldn't
    shouldn't"""
)
FUNCTION = (
    WH
    | AUXILIARY
    | _words(
        """about above across after against along among around as at before behind below besides between beyond
        by despite during except for from in inside into like near of off on onto out outside over per since
        than through to toward towards under until up upon via with within without a an the this that these
        those and or but nor so if then because while although though i me my mine we us our you your he him
        his she her hers it its they them their theirs one ones some any many much more most other others
        another each every all both either neither no not none else also too only just even ever never always
        there here now again still yet well okay ok yes please often very really actually exactly first last
        next"""
    )
)
# Verbs that end a noun phrase ("the treatment | work") or begin a request ("Name | some of his films").
VERBS = _words(
    """name tell list describe explain give show say said find know known think believe become became begin began
    begun start started end make made take taken took come came go went gone get got happen happened work play
    won win lose lost live died die born build built call called write wrote written record release perform
    move join leave left receive use include tour sell sold sing sang sung mean meant lead led run ran open
    close found create produce cause look feel felt react belong help change hold held marry study finish
    retire fight fought meet met act appear grow grew lie stand stood cost contain flow"""
)
THING_NOUNS = _words(
    """album article airport army association award band basin battle bay bridge canal castle cathedral
    championship church city club college company council country county cup department district factory
    festival film forest game group hall hospital hotel institute island kingdom lake league library line mill
    mine mountain movie museum ocean orchestra park party plant port prize province railway region republic
    river road sea school series show society song oblast square stadium state station street studio team
    theatre theater tour tower town treaty union university valley village war works world"""
)
PERSON_NOUNS = _words(
    """actor actress architect artist author boy brother captain child composer daughter director doctor engineer
    father founder friend girl governor husband inventor king leader man manager mayor minister mother
    musician owner painter person poet pope president prince princess professor queen senator singer sister
    son wife winner woman writer"""
)
MALE = _words(
    """adam albert alexander alfred andrew anthony arthur brian charles david edward frank george harry henry
    hugh ivan jack james jason jeff joe john joseph juan karl kevin louis martin matthew michael mike napoleon
    nicholas patrick paul peter richard robert samuel stephen steve steven thomas vladimir walter william"""
)
FEMALE = _words(
    """agatha alice amy anna anne barbara catherine charlotte diana elizabeth emily emma eva florence hannah
    helen jane jennifer joan julia karen kate laura linda lisa lucy margaret maria marie mary nancy olga
    patricia rachel rosa ruth sarah sophia susan victoria"""
)
DATES = _words(
    """january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday"""
)
# Common words of the other languages people may ask in, that are no common English words; "die" and "also" are both.
FOREIGN = _words(
    """der die das ist und wer wie wo ein eine den dem von zu el la los las que es un una del por le les des est et qui
    quel quelle dans il lo che di het een van och är som hvor er na je jak"""
)
PRONOUNS = {
    **dict.fromkeys(("he", "him", "his"), "he"),
    **dict.fromkeys(("she", "her", "hers"), "she"),
    **dict.fromkeys(("it", "its"), "it"),
    **dict.fromkeys(("they", "them", "their", "theirs"), "they"),
}
POSSESSIVES = _words("his hers its their theirs")
ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "former": 0, "latter": -1, "last": -1}
NOT_NAMES = FUNCTION | VERBS | DATES | _words("anyone anybody anything someone something i'd i'm")
ASKING = WH | AUXILIARY | PRONOUNS.keys() | _words("any me tell about else other more name list")
ENDS_PHRASE = (FUNCTION | VERBS) - _words("of first last next record work play")

# What the patterns below are made of.
LEAD = r"(?:(?:and|but|so|ok|okay|then|also)\b[, ]*)"
BE = "is|are|was|were"
AUX = "|".join(sorted(AUXILIARY))
UPPER = r"[^\W\d_a-zß-öø-ÿа-я]"
CAPITALISED = rf"(?:{UPPER}\.|{UPPER}[^\W_]*(?:[-.&][^\W_]+|['’](?!s\b)[^\W_]+)*)"
JOINED = (
    rf"{CAPITALISED}(?: (?:(?:of|the|de|del|di|da|von|van|der|la|le|&) ){{0,2}}(?:{CAPITALISED}|\d+\b(?!,))){{0,8}}"
)
ADVERBIAL = (
    r"(?:(?:by|since|from|in|for|with|to|until|at|on)\s+)?"
    r"(?:when|where|why|how long|how often|how|whom|(?:what|which) (?:year|date|month|day))"
)

WORD = re.compile(r"[^\W_]+(?:[-.&][^\W_]+)*")
NAME = re.compile(rf"(?:\b[Tt]he )?\b{JOINED}")
TWO_NAMES = re.compile(rf"({JOINED}) and ((?:the )?{JOINED})")
PLACED_NAME = re.compile(rf"\b(?:in|at|near|on|to|from) ((?:the )?{JOINED})")
QUOTED = re.compile(r"[\"“«]([^\"”»]{3,60})[\"”»]")
PHRASE = re.compile(rf"(?:\b(?:the|(?P<article>an?))|(?P<owner>{JOINED}['’]s)) (?P<noun>(?:[^\W_]+[- ]?)+)")
NO_ANSWER = re.compile(
    r"\W*(?:cannotanswer|i don['’]?t know|no answer|not found"
    r"|there is no word in that|that doesn['’]t seem to be in"
    r"|the (?:documents?|texts?) (?:don['’]t|do not|does not|doesn['’]t))",
    re.I,
)
# Fragments.
ONLY_ADVERBIAL = re.compile(rf"{LEAD}?({ADVERBIAL})(?: exactly)?\W*$", re.I)
ONLY_ELSE = re.compile(rf"{LEAD}?((who|what|where|when|how|why)\s+else)\W*$", re.I)
NO_NOUN = re.compile(
    rf"{LEAD}?(?:who|what|how (?:many|much|so|come)|how many (?:are|were) there|which(?: ones?)?"
    rf"|which (?:one |ones |of them )?(?:{BE}) .{{3,40}}"
    r"|(?:any|which|what|are there|were there) (?:any )?(?:others?|more|else)|any(?:thing|one|body) else|why not"
    r"|like what|such as|really|for example|and then|what (?:next|then)|who won"
    r"|(?:then )?what(?: then)? happened(?: next| then| after(?: that)?)?)\W*$",
    re.I,
)
ABOUT = re.compile(
    rf"(?:{LEAD}|{LEAD}?(?:what|how) about\s+)"
    r"(?P<prep>(?:in|on|at|for|from|by|with|to|after|before)\s+)?(?P<rest>.+?)\W*$",
    re.I,
)
NTH = re.compile(rf"\bthe ({'|'.join(ORDINALS)})(?: one\b|(?=\W*$| (?:{BE}|did|does|has)\b))", re.I)
YEAR = re.compile(r"\b\d{3,4}s?\b")
# Words that point outside the question, or that only mean something about a topic.
THIS_TEXT = re.compile(r"(?<=\babout )(?:this|the) (?:article|text|document|page|topic|subject)\b", re.I)
POINTING = re.compile(
    r"\b(?:this|that|these|those)(?=\W*$"
    rf"| (?:{BE}|happen|affect|cause|work|mean|last|time|period|ones?|done|made|called)\b)"
    rf"|(?:^|\b(?:{BE}|did|does|do|after|before|during|about|of|for|in|to|from|with|on|at|besides|like|by) )"
    r"(?:this|that|these|those)\b",
    re.I,
)
GENERIC = re.compile(
    r"\bwhat (?:happen\w*|else|other|changed)\b|\btell me\b|\bmore (?:about|on)\b|\b(?:which|some) other\b"
    r"|\bany(?:body|one|thing)?\b",
    re.I,
)
THE_NOUN = re.compile(r"\bthe [^\W_]{3,}\b", re.I)
STANDS_ALONE = re.compile(
    r"\bthe (?:\w+ )+of (?!the\b)|\bthe (?:first|last|second|most|least|main|only|same|world|\w+est|\w+th)\b", re.I
)
BARE = re.compile(r"\W*(?:which|how many|how much|why|what other) ", re.I)
# An "it" that means nothing: "is it raining", "how long does it take to build a bridge", "it is known that".
EMPTY_IT = re.compile(
    rf"""\b(?:{BE}|be)\ it\ (?:\w+ly\ )?(?:\w+ing|\w*cold|hot|dark|late|early|warm|true|possible|likely|known|said
    |important|necessary|safe|hard|easy|difficult|common|legal|better|worth|\w+ed\ that)\b(?!\ (?:for|by|in|as|of|at)\b)
    |\bhow\ (?:long|much|many\ \w+)\ (?:does|did|will|would)\ it\ (?:take|cost|need).*\ to\ \w+\ \w
    |\bit\ (?:is|was|takes|took|has\ been)\ \w+\ (?:that|to)\b|\bwhat\ time\ (?:is|was)\ it|\bis\ it\ that\b
    |\bwhat\ (?:is|was)\ it\ like\ to\b|\bit\ (?:rain|snow)s?\b|\bmakes?\ it\ \w+\ (?:to|that|for)\b""",
    re.I | re.X,
)
# How a question begins, and where things stand in it.
ASKS_NAME = re.compile(rf"\W*(?:who|whose|(?:which|what) (?!(?:{AUX}|kind|else|other)\b)\w+)\b", re.I)
ASKS_PLACE = re.compile(r"\W*(?:where|(?:which|what) \w+) (?:do|does|did|has|have|had)\b", re.I)
AFTER_BE = re.compile(rf"\W*(?:what|who|which) (?:{BE}) $", re.I)
AFTER_AUXILIARY = re.compile(rf"\W*(?:\w+ ){{0,3}}(?:{AUX}) $", re.I)
BESIDE = re.compile(r"\b(?:in|at|on|from|near|of|to|for|with) $", re.I)
AFTER_DO = re.compile(rf"(?:\b(?:do|does|did|can|could|will|would|should)|(?:^|\()\W*(?:{BE})) $", re.I)
SUBJECT = re.compile(rf"(?:\babout|^\W*(?:what|who|which) (?:{BE})) (the .+)", re.I)
AFTER_PLACE = re.compile(r"\b(?:in|at|from|to|near|on|into) $", re.I)
CLAUSE = re.compile(r"\W*(?:when|after|before|if|while|since|although|because|as)\b.*,", re.I)
THERE = re.compile(
    r"(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )(?<!\bbe )(?<!\bbeen )(?<!\bhas )(?<!\bstill )\b(from )?there\b"
    rf"(?! (?:{BE}|be|been|has|have|had|any)\b)",
    re.I,
)
# "Who said he would resign": what is asked for is the subject, and what he may mean.
SUBJECT_ASKED = re.compile(rf"\W*(?:who|which \w+(?: \w+)?) (?!(?:{AUX})\b)\w+ ", re.I)
MOVES = re.compile(r"\b(?:get|go|going|went|travel|come|move|moved) $", re.I)


def lower_words(text: str) -> list[str]:
    """The words of a text in small letters, without its punctuation."""
    return [word.lower() for word in WORD.findall(text)]
