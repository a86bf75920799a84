"""Words that make a name of a number or a word of time beside them: room 12, movie night.

They let ordinary titles through. What is missing here is asked about, and can be put in quotes.
"""

_LABELS_TEXT = """
room chapter gate page floor platform track bus tram train flight route highway exit unit
apartment apt suite flat building block house lot box locker seat row section lesson episode
part volume vol level grade class team group phase step stage version ticket issue invoice
order case task question exercise problem figure appendix article no nr number channel studio
terminal hall lab ward windows iphone ios android formula area apollo act scene psalm bay dock
pier door desk line module sprint build release bug
"""
# The number after these is a name: room 12.
LABELS = frozenset(_LABELS_TEXT.split())

_COMPOUNDS_TEXT = {
    "night": "movie date game quiz trivia poker pizza family girls boys ladies karaoke bingo taco "
    "film curry opening wedding election open-mic parents prom comedy",
    "evening": "parents quiz theatre",
    "morning": "coffee",
    "day": "mother's father's mothers fathers independence boxing labor labour memorial sports "
    "valentine's valentines veterans canada moving pay wash laundry leg cheat snow release demo "
    "school training women's earth pi wedding election",
    "hour": "happy rush power lunch golden",
    "hours": "office visiting opening",
    "week": "fashion restaurant spirit",
    "year": "new leap tax fiscal school",
    "time": "story tea bed game nap play meal lunch dinner bath screen quiet spare free first "
    "prime show",
}
# Before these words of time, these make a name of them: movie night.
COMPOUNDS = {word: frozenset(text.split()) for word, text in _COMPOUNDS_TEXT.items()}

_NOUNS_TEXT = """
run walk yoga jog swim ride hike stretch workout practice training lesson class course school
meeting standup stand-up sync briefing huddle retro retrospective demo hands party opinion
plan planning report summary newsletter statement invoice bill rent budget taxes closing close
review recap log diary journal goals shift cream light watch owl bus train flight trip tour pass
care off out job jobs work aid kit draft date grade person floor place prize half marathon term
price steps door lap round stage coffee tea breakfast lunch dinner snack meal meds medication
medicine pill pills vitamins dose prayer pages routine news show movie film concert gift
flowers market bank bike station building standard school sale bird bus train fee pounder hand
papers exam test shop clothes tires tires wreath tree cards carol pudding eve markets square sheet
zone difference travel machine capsule hour
"""
# After a word of time these begin a name: morning run, March report.
NOUNS = frozenset(_NOUNS_TEXT.split())

_NO_NAMES_TEXT = """
alternate alternating odd even several few couple dozen hundred following upcoming coming previous
days weeks months years hours minutes mins hrs seconds secs quarters fortnight fortnights sharp
mornings afternoons evenings nights tonight zulu apart kw cw
"""
# No name begins with these.
NO_NAMES = frozenset(_NO_NAMES_TEXT.split())
# After the name of a zone these make a place of it: Central station.
PLACES = frozenset(
    {"market", "bank", "bike", "station", "road", "park", "school", "hotel", "trail"}
)

_COUNTED_TEXT = """
people men women children percent eur usd gbp chf dollars euros kg km g ml l mg cm mm miles
"""
_COUNTED = frozenset(_COUNTED_TEXT.split())
_NOT_PLURAL_TEXT = "is was this yes us bus gas class"
_NOT_PLURAL = frozenset(_NOT_PLURAL_TEXT.split())
_SHORTEST_PLURAL = 3


def is_counted(word: str) -> bool:
    """Whether a number before this word counts things: 2 tickets, 5 people."""
    is_plural = word.endswith("s") and word not in _NOT_PLURAL and len(word) >= _SHORTEST_PLURAL
    return word in _COUNTED or is_plural


_MEALS_TEXT = "breakfast lunch dinner supper work school dawn dusk sunrise sunset lunchtime bedtime"
# After "before" or "after" these say when, and not at what time.
MEALS = frozenset(_MEALS_TEXT.split())

_STATES_TEXT = """
alabama alaska arizona arkansas california colorado connecticut delaware florida georgia hawaii
idaho illinois indiana iowa kansas kentucky louisiana maine maryland massachusetts michigan
minnesota mississippi missouri montana nebraska nevada ohio oklahoma ontario oregon pennsylvania
tennessee texas utah vermont virginia washington wisconsin wyoming
"""
# After a city these may name another city than the one whose zone was read: Paris, Texas.
STATES = frozenset(_STATES_TEXT.split())
