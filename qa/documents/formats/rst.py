"""reStructuredText, rendered to HTML by docutils.

Nothing else is read or run for it: files that it includes, raw parts and settings of its own are left out. What only
Sphinx knows, as `:ref:` and `.. versionadded::`, is kept as the words in it.
"""

import re

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree

from qa.documents.converted import Converted
from qa.documents.formats.html.page import convert_page
from qa.documents.formats.plain import decode
from qa.documents.writing.words import one_line
from qa.errors import CorpusError

SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "embed_stylesheet": False,
    "stylesheet_path": None,
    "stylesheet": None,
    "math_output": "LaTeX",
    "syntax_highlight": "none",
    "toc_backlinks": False,
    "section_self_link": False,
    "doctitle_xform": False,
    "docinfo_xform": False,
    "smart_quotes": False,
    "line_length_limit": 1_000_000,
    "initial_header_level": 1,
}
ROLE = re.compile(r":(?:[a-zA-Z][\w+.-]*:?)+:`([^`]+)`|`([^`]+)`:[a-zA-Z][\w:+.-]*:")
TARGET = re.compile(r"\s*<[^<>]*>$")
DIRECTIVE = re.compile(r"\.\.[ \t]+([\w:+.-]+)::[ \t]*(.*)")
OPTION = re.compile(r"[ \t]*:([\w -]+):([ \t].*)?$")
SILENT = frozenset(
    "toctree include raw csv-table list-table index highlight highlightlang module currentmodule py:module "
    "py:currentmodule tabularcolumns meta automodule autoclass autofunction automethod autosummary image figure "
    "graphviz plot only literalinclude".split()
)
VERSIONS = {
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "versionremoved": "Removed in version",
}
LISTINGS = frozenset("code-block sourcecode productionlist doctest testcode testoutput ipython prompt".split())
DEEPEST = 20  # directives that docutils doesn't know, inside one another


def convert_rst(data: bytes) -> Converted:
    """Convert an .rst file; its first heading is the title."""
    try:
        tree = _parse(decode(data), 0)
        html = publish_from_doctree(tree, writer="html5", settings_overrides=SETTINGS)
    except (CorpusError, MemoryError):
        raise
    except Exception as error:  # whatever a parser stumbles over in a damaged file
        raise CorpusError(f"damaged: {one_line(str(error))[:200] or type(error).__name__}") from None
    return convert_page(html.decode("utf-8", "replace"), bare=True)


def _parse(text: str, depth: int) -> nodes.document:
    tree = publish_doctree(text, settings_overrides=SETTINGS)
    for problem in list(tree.findall(nodes.problematic)):
        if problem.parent is not None:
            problem.parent.replace(problem, nodes.Text(ROLE.sub(_words, problem.astext())))
    for message in list(tree.findall(nodes.system_message)):
        if message.parent is not None:
            found = message.next_node(nodes.literal_block)
            kept = _inside(found.astext(), depth) if found is not None else []
            message.parent.replace(message, kept)
    for comment in list(tree.findall(nodes.comment)):
        comment.parent.remove(comment)
    return tree


def _words(role: re.Match[str]) -> str:
    words = str(role[1] or role[2])
    return TARGET.sub("", words).lstrip("!~") or words


def _inside(source: str, depth: int) -> list[nodes.Node]:
    """Parse a directive that docutils doesn't know: keep its argument and its content."""
    first, *lines = source.split("\n")
    directive = DIRECTIVE.match(first)
    if directive is None or directive[1] in SILENT or depth > DEEPEST:
        return []
    argument = ROLE.sub(_words, directive[2])
    while lines and (option := OPTION.match(lines[0])):
        lines.pop(0)
        argument = (option[2] or "").strip() if option[1] == "caption" else argument
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    body = "\n".join(line[indent:] for line in lines).strip("\n")
    if directive[1] in LISTINGS:
        caption = [nodes.paragraph("", argument)] if argument != directive[2] else []
        return [*caption, nodes.literal_block(body, body)]
    words = one_line(f"{VERSIONS.get(directive[1], '')} {argument}")
    first_words = [nodes.paragraph("", words)] if words else []
    return [*first_words, *_parse(body, depth + 1).children]
