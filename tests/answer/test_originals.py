"""Where a citation leads: the owner's own page, and the copy with its quote marked."""

import pytest
from support import markdown

from qa import Assistant, Document
from qa.answer import schema
from qa.answer.originals import Originals
from qa.documents.convert import convert
from qa.encoder.base import Encoder
from qa.errors import SettingsError
from qa.types import Citation
from qa.web.pages.render import answer_html
from qa.web.pages.source import source_html

PATTERNS = "laws=https://laws.example.org/{stem}?v=2 https://docs.example.org/{path}"


def cited(document: Document, words: str, page: int | None = None) -> Citation:
    start = document.text.index(words)
    return Citation(document.id, document.title, "", words, start, start + len(words), page)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("a b/page.md", "https://docs.example.org/a%20b/page.md"),
        ("laws/dogs.html", "https://laws.example.org/laws/dogs?v=2"),
        ("lawsuits.md", "https://docs.example.org/lawsuits.md"),
    ],
)
def test_a_document_is_where_the_pattern_of_its_folder_says(name: str, address: str) -> None:
    assert Originals.read(PATTERNS).address(Document(name, "A", "Text.")) == address


def test_a_document_that_names_its_own_address_is_there() -> None:
    page = convert(b'<link rel="canonical" href="https://own.example.org/x"><p>Text.', ".html")
    front = convert(b"---\ntitle: A\ncanonical_url: https://own.example.org/y\n---\nText.", ".md")
    assert (page.address, front.address) == ("https://own.example.org/x", "https://own.example.org/y")
    document = Document("x.html", "A", page.text, address=page.address)
    assert Originals.read(PATTERNS).address(document) == "https://own.example.org/x"
    assert Originals().address(Document("x.html", "A", "Text.")) == ""


def test_a_quote_is_at_a_pdfs_page_a_headings_name_or_its_words() -> None:
    originals = Originals.read("https://e.org/{id}")
    pdf = Document("a/b.pdf", "B", "The port is deep.", pages=(0,))
    assert originals.of(pdf, cited(pdf, "The port is deep.", 3)) == "https://e.org/a%2Fb.pdf#page=3"
    found = convert(b'<h2 id="fees">Fees</h2><p>A tent is 9 euros.</p><section id="s"><h2>X</h2><p>Two.', ".html")
    html = Document("a.html", "A", found.text, found.blocks)
    assert originals.of(html, cited(html, "A tent is 9 euros.")) == "https://e.org/a.html#fees"
    assert originals.of(html, cited(html, "Two.")) == "https://e.org/a.html#s"
    text = markdown("a.md", "A", "One-two, three. " + "Four five six seven eight nine ten eleven twelve thirteen now.")
    assert originals.of(text, cited(text, "One-two, three.")) == "https://e.org/a.md#:~:text=One%2Dtwo%2C%20three."
    long = "Four five six seven eight nine ten eleven twelve thirteen now."
    expected = "https://e.org/a.md#:~:text=Four%20five%20six%20seven%20eight,ten%20eleven%20twelve%20thirteen%20now."
    assert originals.of(text, cited(text, long)) == expected


@pytest.mark.parametrize("text", ["docs", "https://e.org/", "https://e.org/{name}", "ftp://e.org/{path}", "a=b={path}"])
def test_a_pattern_that_can_not_be_used_is_named_in_one_line(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^QA_SOURCE_URL has .*; give https://"):
        Originals.read(text)


def test_the_owners_page_is_the_first_link_of_an_answer_and_the_marked_copy_the_second(encoder: Encoder) -> None:
    assistant = Assistant.from_documents([markdown("elm.md", "Elm", "The port of Elm is on the Ash.")], encoder)
    assistant.originals = Originals.read("https://docs.example.org/{stem}")
    answer = assistant.ask("Which river is the port of Elm on?")
    original = "https://docs.example.org/elm#:~:text=The%20port%20of%20Elm%20is%20on%20the%20Ash."
    assert answer.citations[0].original == original
    assert schema.Answer.of(answer, 0).as_json()["citations"][0]["original"] == original
    html = answer_html(answer)
    assert html.index("https://docs.example.org/elm") < html.index("source/elm.md")
    assert "The marked copy" in html


SOURCE = """# Camp

See [the site](https://e.org/camp) or <a href="javascript:alert(1)">this</a>.

## Fees

1. Pay first.
   - In cash.
2. Then enter.

| Kind | Fee |
|---|---|
| Tent | 9 |
| Van | 14 |

```
if paid:
    enter()
```
"""


def test_a_source_page_shows_the_document_as_it_was() -> None:
    document = markdown("camp.md", "Camp", SOURCE)
    start = document.text.index("Tent") - len("Kind: ")
    page = source_html(document, start, start + len("Kind: Tent; Fee: 9"), "", "/ask", "https://e.org/camp.html")
    body = page.partition("<main>")[2]
    assert '<a href="https://e.org/camp" rel="nofollow noopener">the site</a>' in body
    assert "javascript" not in body
    assert '<li class="numbered"><p>1. Pay first.</p><ul><li><p>In cash.</p></li></ul></li>' in body
    assert '<thead><tr><th scope="col">Kind</th><th scope="col">Fee</th></tr></thead>' in body
    assert '<td><mark id="quote">Tent</mark></td><td><mark>9</mark></td>' in body
    assert "if paid:\n    enter()</pre>" in body
    assert '<a href="/ask">← Back</a>' in page
    assert '<a href="https://e.org/camp.html" rel="nofollow noopener">The original</a>' in page
    assert page.count("<h1>") == 1


def test_names_and_values_are_a_table_with_its_names_at_the_side() -> None:
    found = convert(b"<table><tr><td>Name<td>Ann</tr><tr><td>Room<td>Tower</tr></table>", ".html")
    body = source_html(Document("a.html", "A", found.text, found.blocks), 0, 0, "")
    assert '<tr><th scope="row">Name</th><td>Ann</td></tr><tr><th scope="row">Room</th><td>Tower</td></tr>' in body
