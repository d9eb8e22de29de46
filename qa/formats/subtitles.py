"""Subtitles, .srt and .vtt → what is said, in paragraphs: one wherever somebody pauses, or another one speaks."""

import html
import re
from dataclasses import dataclass

from qa.errors import CorpusError
from qa.formats.converted import Converted
from qa.formats.text import decode
from qa.formats.writing import join, one_line, paragraph

TIME = r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
TIMES = re.compile(rf"^[ \t]*{TIME}[ \t]*-->[ \t]*{TIME}.*$", re.MULTILINE)
VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
TAG = re.compile(r"</?[A-Za-z0-9.:#][^<>\n]*>|\{\\[^{}\n]*\}")
NOTE = re.compile(r"^(?:NOTE|STYLE|REGION)\b.*?(?:\n[ \t]*\n|\Z)", re.MULTILINE | re.DOTALL)
VTT_TITLE = re.compile(r"\AWEBVTT[ \t]+(?:-[ \t]*)?(\S.*)")
PAUSE = 2.0  # seconds without a word
LONGEST = 700  # characters of a paragraph, after which it ends with the sentence
END = re.compile(r"[.?!…。？！][\"'”’)]*$")


@dataclass(frozen=True, slots=True)
class _Cue:
    begin: float
    end: float
    voice: str
    words: str


def convert_srt(data: bytes) -> Converted:
    """What is said in an .srt file."""
    return Converted(_said(decode(data)))


def convert_vtt(data: bytes) -> Converted:
    """What is said in a .vtt file, and the title in its first line."""
    text = decode(data)
    named = VTT_TITLE.match(text)
    return Converted(_said(NOTE.sub("", text)), one_line(named[1]) if named else None)


def _said(text: str) -> str:
    cues = _cues(text)
    if not cues:
        raise CorpusError("damaged: it has no line with the times of a subtitle")
    paragraphs: list[str] = []
    words: list[str] = []
    last: _Cue | None = None
    for cue in cues:
        if last is not None and last.words == cue.words and last.voice == cue.voice:
            continue  # shown on, not said again
        new_voice = cue.voice if last is None or cue.voice != last.voice else ""
        pause = last is not None and not 0 <= cue.begin - last.end < PAUSE
        long = sum(map(len, words)) > LONGEST and END.search(words[-1])
        if words and (new_voice or pause or long):
            paragraphs.append(paragraph(" ".join(words)))
            words = []
        words.append(f"{new_voice}: {cue.words}" if new_voice else cue.words)
        last = cue
    return join([*paragraphs, paragraph(" ".join(words))])


def _cues(text: str) -> list[_Cue]:
    found = list(TIMES.finditer(text))
    cues = []
    for number, times in enumerate(found):
        stop = found[number + 1].start() if number + 1 < len(found) else len(text)
        lines = re.split(r"\n[ \t]*\n", text[times.end() : stop].strip("\n"))[0]
        voice = VOICE.search(lines)
        words = one_line(html.unescape(TAG.sub("", lines)))
        if words:
            begin, end = (_seconds(times.groups()[at : at + 4]) for at in (0, 4))
            cues.append(_Cue(begin, end, one_line(voice[1]) if voice else "", words))
    return cues


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours[:6]) * 3600 + int(minutes) * 60 + int(seconds) + float("0." + fraction)
