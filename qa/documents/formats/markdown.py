"""Markdown, rendered to HTML by markdown-it: the text is what a reader of the rendered page sees."""

import re
from dataclasses import replace

from markdown_it import MarkdownIt

from qa.documents.converted import Converted
from qa.documents.formats.html.page import convert_page
from qa.documents.formats.plain import decode

FRONT_MATTER = (  # YAML's and TOML's, how a field stands in it
    (
        re.compile(
            r"\A---[ \t]*\n(?P<fields>(?:(?:[\w-]+[ \t]*:|[ \t#-]|\}|\]).*\n|[ \t]*\n)*?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
        ),
        ":",
    ),
    (re.compile(r"\A\+\+\+[ \t]*\n(?P<fields>.*?)\n\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL), "="),
)
MARKDOWN = MarkdownIt("commonmark", {"html": True, "maxNesting": 60}).enable(["table", "strikethrough"])
ADDRESSES = ("canonical_url", "canonical", "permalink", "url")


def convert_md(data: bytes) -> Converted:
    """Convert Markdown; the title is that of the front matter, else the top heading."""
    text = decode(data)
    fields: dict[str, str] = {}
    for pattern, sign in FRONT_MATTER:
        if front := pattern.match(text):
            lines = re.findall(rf"^([\w-]+)[ \t]*{sign}[ \t]*(.*?)[ \t]*$", front["fields"], re.MULTILINE)
            fields = {name.lower(): value.strip("\"'") for name, value in lines}
            text = text[front.end() :]
    address = next((fields[name] for name in ADDRESSES if fields.get(name, "").startswith(("http:", "https:"))), None)
    found = convert_page(MARKDOWN.render(text), bare=True)
    return replace(found, title=fields.get("title") or found.title, address=address)
