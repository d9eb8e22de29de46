"""Numbers in workbooks and charts → as the program shows them, by their number format (ECMA-376 part 1, 18.8.30)."""

import datetime
import math
import re
from fractions import Fraction

BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm", 19: "h:mm:ss", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|\[\$(?P<currency>[^\]-]*)[^\]]*\]|_.|\*.|\[[^\]]*\]'
    r"|(?P<digits>[0#?][0#?,. ]*(?:/[0#?\d]+|E[+-]0+)?)|(?P<plain>.)",
    re.DOTALL,
)
PARTS = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|;|[^;"\\\[]+|.', re.DOTALL)
NO_DATE = re.compile(r'"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]|_.|General', re.IGNORECASE | re.DOTALL)
EPOCHS = {False: datetime.datetime(1899, 12, 30), True: datetime.datetime(1904, 1, 1)}
LAST = 2_958_466  # days; the last date that the program knows
MOST_DECIMALS = 15


def shown(raw: str, pattern: str = "General", since_1904: bool = False) -> str:
    """Format a number as its program shows it, but dates in ISO form; other text stays as it is."""
    try:
        value = float(raw)
    except ValueError:
        return raw
    if not math.isfinite(value):
        return ""
    try:
        return _by_pattern(raw, value, pattern, since_1904)
    except ArithmeticError:  # a format that makes of it what no number can be
        return raw


def _by_pattern(raw: str, value: float, pattern: str, since_1904: bool) -> str:
    if _is_date(pattern):
        return _date(value, pattern, since_1904)
    sections = _sections(pattern)
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section, value, raw = sections[1], -value, raw.lstrip("-")
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    return _formatted(raw, value, section)


def _sections(pattern: str) -> list[str]:
    found = [""]
    for part in PARTS.findall(pattern):
        if part == ";":
            found.append("")
        else:
            found[-1] += part
    return found


def _formatted(raw: str, value: float, section: str) -> str:
    if section.strip().lower() in ("general", "", "@", "standard"):
        return _general(raw, value)
    parts: list[str] = []
    written = False
    percent = len(re.findall("%", NO_DATE.sub("", section)))
    sign = "-" if value < 0 else ""
    for token in TOKEN.finditer(section):
        if token["digits"] and not written:
            places = token["digits"].rstrip()
            parts += [sign, _digits(abs(value) * 100**percent, places), token["digits"][len(places) :]]
            written = True
        else:
            parts.append(token["quoted"] or token["escaped"] or token["currency"] or token["plain"] or "")
    return "".join(parts).strip()


def _general(raw: str, value: float) -> str:
    if re.fullmatch(r"-?\d+", raw):  # in full, where a program would round it
        return raw
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.10g}"


def _digits(value: float, pattern: str) -> str:
    """A number that isn't negative, by zeros and other places for digits."""
    if "/" in pattern:
        limit = 10 ** len(pattern.rpartition("/")[2]) - 1
        ones, rest = divmod(Fraction(value).limit_denominator(limit), 1)
        return f"{ones} {rest}" if rest and ones else f"{rest or ones}"
    if "E" in pattern:
        decimals = len(pattern.partition("E")[0].partition(".")[2])
        return f"{value:.{decimals}E}"
    places, _, after = pattern.partition(".")
    while places.endswith(","):  # in thousands
        places, value = places[:-1], value / 1000
    most = min(len(re.sub("[^0#?]", "", after)), MOST_DECIMALS)
    text = f"{value:,.{most}f}" if "," in places else f"{value:.{most}f}"
    whole, _, fraction = text.partition(".")
    while len(fraction) > after.count("0") and fraction.endswith("0"):
        fraction = fraction[:-1]
    zeros = places.count("0")
    whole = whole.zfill(zeros) if "," not in places else whole
    whole = "" if whole == "0" and not zeros and fraction else whole
    return f"{whole}.{fraction}" if fraction else whole


def _is_date(pattern: str) -> bool:
    bare = NO_DATE.sub("", pattern.partition(";")[0])
    return bool(re.search("[ymdhs]", bare, re.IGNORECASE)) and not re.search("[0#?]", re.sub(r"\.0+", "", bare))


def _date(value: float, pattern: str, since_1904: bool) -> str:
    bare = NO_DATE.sub("", pattern.partition(";")[0]).lower()
    seconds = round(value * 86400)
    is_duration = "[" in bare
    if is_duration or (re.search("[hs]", bare) and not re.search("[yd]", bare)):
        seconds = seconds if is_duration else seconds % 86400
        hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
        return f"{hours:02}:{minutes:02}:{rest:02}" if "s" in bare and rest else f"{hours:02}:{minutes:02}"
    if not 0 <= value < LAST:
        return f"{value:.10g}"
    early = 0 < value < 60 and not since_1904  # the program believes that 1900 was a leap year
    moment = EPOCHS[since_1904] + datetime.timedelta(days=int(early), seconds=seconds)
    has_time = re.search("[hs]", bare) and moment.time() != datetime.time()
    return moment.isoformat(" ", "minutes") if has_time else moment.date().isoformat()
