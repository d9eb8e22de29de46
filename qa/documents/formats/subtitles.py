"""Subtitles, .srt and .vtt → what is said; a pause or another speaker begins a new paragraph."""

import html
import re
from dataclasses import dataclass, replace

from qa.documents.converted import Converted
from qa.documents.formats.plain import decode
from qa.documents.writing.parts import paragraph, written
from qa.documents.writing.words import SENTENCE_END, one_line
from qa.errors import CorpusError

TIME = r"(?:(\d+):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
TIMES = re.compile(rf"^[ \t]*{TIME}[ \t]*-->[ \t]*{TIME}.*$", re.MULTILINE)
VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
TAG = re.compile(r"</?[A-Za-z0-9.:#][^<>\n]*>|\{\\[^{}\n]*\}")
NOTE = re.compile(r"^(?:NOTE|STYLE|REGION)\b.*?(?:\n[ \t]*\n|\Z)", re.MULTILINE | re.DOTALL)
VTT_TITLE = re.compile(r"\AWEBVTT[ \t]+(?:-[ \t]*)?(\S.*)")
NEXT_NUMBER = re.compile(r"(?:\A|\n)[ \t]*\d+[ \t]*\n\Z")
BESIDE = 0.2  # seconds between what is shown on and what is added to it
PAUSE = 2.0  # seconds without a word
LONGEST = 700  # characters of a paragraph, after which it ends with the sentence


@dataclass(frozen=True, slots=True)
class _Cue:
    begin: float
    end: float
    voice: str
    lines: tuple[str, ...]

    @property
    def words(self) -> str:
        return " ".join(self.lines)


def convert_srt(data: bytes) -> Converted:
    """Convert an .srt file."""
    return _said(decode(data))


def convert_vtt(data: bytes) -> Converted:
    """Convert a .vtt file; its title is in its first line."""
    text = decode(data)
    named = VTT_TITLE.match(text)
    return _said(NOTE.sub("", text), one_line(named[1]) if named else None)


def _said(text: str, title: str | None = None) -> Converted:
    cues = _cues(text)
    if not cues:
        raise CorpusError("damaged: it has no line with the times of a subtitle")
    paragraphs: list[str] = []
    words: list[str] = []
    last: _Cue | None = None
    for shown in cues:
        if (cue := _new(shown, last)) is None:
            last = shown
            continue
        new_voice = cue.voice if last is None or cue.voice != last.voice else ""
        pause = last is not None and not 0 <= cue.begin - last.end < PAUSE
        long = sum(map(len, words)) > LONGEST and SENTENCE_END.search(words[-1])
        if words and (new_voice or pause or long):
            paragraphs.append(" ".join(words))
            words = []
        words.append(f"{new_voice}: {cue.words}" if new_voice else cue.words)
        last = shown
    paragraphs.append(" ".join(words))
    return written([part for words in paragraphs for part in paragraph(words)], title)


def _new(cue: _Cue, last: _Cue | None) -> _Cue | None:
    """Return a subtitle without the lines that only stay on screen from the one before; None if nothing is new."""
    if last is None or last.voice != cue.voice:
        return cue
    if cue.lines == last.lines:
        return None
    if not -BESIDE < cue.begin - last.end < BESIDE:
        return cue
    for kept in range(min(len(last.lines), len(cue.lines)), 0, -1):
        if last.lines[-kept:] == cue.lines[:kept]:
            return replace(cue, lines=cue.lines[kept:])
    return cue


def _cues(text: str) -> list[_Cue]:
    found = list(TIMES.finditer(text))
    cues = []
    for number, times in enumerate(found):
        stop = found[number + 1].start() if number + 1 < len(found) else len(text)
        own = text[times.end() : stop]
        if number + 1 < len(found):
            own = NEXT_NUMBER.sub("", own)
        shown = re.split(r"\n\n", own.strip("\n"))[0]
        voice = VOICE.search(shown)
        lines = tuple(filter(None, (one_line(html.unescape(TAG.sub("", line))) for line in shown.split("\n"))))
        if lines:
            begin, end = (_seconds(times.groups()[at : at + 4]) for at in (0, 4))
            cues.append(_Cue(begin, end, one_line(voice[1]) if voice else "", lines))
    return cues


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in parts)
    return int(hours[:6]) * 3600 + int(minutes) * 60 + int(seconds) + float("0." + fraction)
