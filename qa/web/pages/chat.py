"""The chat page, in Gradio."""

import logging
import time
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from qa.answer import schema
from qa.assistant import History
from qa.errors import NoDocuments, QAError, StoreUnavailable
from qa.types import Answer
from qa.web.api import MAX_HISTORY, MAX_QUESTION
from qa.web.pages.render import answer_html, trimmed
from qa.web.service import Service

CSS = Path(__file__).parents[1] / "static" / "chat.css"
ABOUT = "Answers are the documents’ own words, quoted and cited; what they don’t hold is declined."
RECORDED = "Questions are kept for {days} days, nothing of who asks."
LOADING = "The documents are being loaded. You can type already: the answer comes as soon as they are there."
EXAMPLE = "What is said about “{topic}”?"
EXAMPLES = 4
MAX_SHOWN = 50  # answers of a conversation

log = logging.getLogger("qa.questions")

Answers = list[Answer]


def theme() -> gr.themes.Base:
    """Gradio's plain theme in the system's own fonts, so that none is fetched."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    plain = gr.themes.Default(primary_hue="teal", neutral_hue="slate", font=fonts, font_mono=["ui-monospace"])
    return plain.set(  # contrast of at least 4.5 to 1 in both themes
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )


def chat_page(service: Service, title: str, recorded: int = 0) -> gr.Blocks:
    """The page: the conversation, where to type, and a few questions to begin with.

    `recorded` is for how many days questions are kept, 0 where they aren't: the page says so.
    """

    def answered(question: str, history: History = ()) -> Answer:
        try:
            return service.ask(question, history)
        except StoreUnavailable:
            raise gr.Error("The documents can’t be reached: ask again in a moment") from None
        except NoDocuments:
            raise gr.Error("There are no documents any more: ask again when there are") from None
        except QAError as error:
            log.error("%s", error)
            raise gr.Error("The documents can’t be read; the server’s log says why") from None

    def check(question: str) -> None:
        if len(question) > MAX_QUESTION:
            raise gr.Error(f"The question is longer than {MAX_QUESTION} characters: shorten it")

    def respond(question: str, answers: Answers) -> tuple[str, list[Any], Answers, gr.Button]:
        if not question.strip():
            return "", _messages(answers), answers, gr.Button()
        check(question)
        history = [(answer.standalone, answer.text) for answer in answers[-MAX_HISTORY:]]
        answer = answered(question, history)
        answers = [*answers, trimmed(answer)][-MAX_SHOWN:]
        changed = answers[-1].standalone != question
        return "", _messages(answers), answers, gr.Button(visible=changed)

    def ask(question: str) -> dict[str, Any]:
        """Answer a question in the documents' own words, with citations, or say that they don't hold the answer."""
        check(question)
        begin = time.perf_counter()
        answer = answered(question)
        return schema.Answer.of(answer, 1000 * (time.perf_counter() - begin)).as_json()

    def welcome() -> gr.Chatbot:
        if service.is_closed:
            return gr.Chatbot(examples=[], placeholder="There are no documents any more.")
        topics = service.assistant().topics(EXAMPLES)
        examples: list[Any] = [{"text": EXAMPLE.format(topic=topic)} for topic in topics]
        return gr.Chatbot(examples=examples, placeholder="Ask a question, or begin with one of these.")

    page: gr.Blocks
    with gr.Blocks(title=title, analytics_enabled=False, fill_height=True) as page:
        answers = gr.State([])
        about = f"{ABOUT} {RECORDED.format(days=recorded)}" if recorded else ABOUT
        gr.HTML(f"<h1>{escape(title)}</h1><p>{escape(about)}</p>", elem_id="qa-title")
        chat = gr.Chatbot(
            placeholder=LOADING,
            label="Conversation",
            show_label=False,
            render_markdown=False,
            feedback_options=None,
            buttons=[],
            layout="bubble",
            scale=1,
            elem_id="qa-chat",
        )
        with gr.Row(elem_id="qa-ask"):
            question = gr.Textbox(
                label="Question",
                placeholder="Ask a question",
                show_label=False,
                container=False,
                autofocus=True,
                max_length=MAX_QUESTION,
                scale=1,
            )
            send = gr.Button("Ask", variant="primary", scale=0, min_width=72)
        edit = gr.Button("Edit what was searched", size="sm", visible=False)
        asked, shown = [question, answers], [question, chat, answers, edit]
        edit.click(lambda answers: answers[-1].standalone, answers, question, api_visibility="private")
        gr.on([question.submit, send.click], respond, asked, shown, api_visibility="private")
        chosen = chat.example_select(_chosen, None, [question], api_visibility="private")
        chosen.then(respond, asked, shown, api_visibility="private")
        chat.clear(lambda: ("", [], [], gr.Button(visible=False)), None, shown, api_visibility="private")
        gr.api(ask, api_name="ask")  # type: ignore[attr-defined]  # not in its list of exports
        page.load(welcome, outputs=chat, api_visibility="private", show_progress="hidden")
    return page


def _chosen(event: gr.SelectData) -> str:
    return str(event.value["text"])


def _messages(answers: Answers) -> list[Any]:
    """The conversation as Gradio's messages; as HTML of ours, so that nobody's text is read as Markdown or HTML."""
    messages = []
    for answer in answers:
        messages.append({"role": "user", "content": gr.HTML(f"<p>{escape(answer.question)}</p>")})
        messages.append({"role": "assistant", "content": gr.HTML(answer_html(answer))})
    return messages
