"""The chat page, in Gradio: what asks and answers. How a conversation is shown and kept is in static/chat.js."""

import logging
import time
from typing import Any

import gradio as gr
from pydantic import ValidationError

from qa.answer import schema
from qa.errors import NoDocuments, QAError, StoreUnavailable
from qa.web.api import MAX_HISTORY, MAX_QUESTION, Ask
from qa.web.pages.render import answer_html, copied
from qa.web.service import Service
from qa.web.words import LANGUAGES, STATIC, language_of, words

CSS = STATIC / "chat.css"
FIELDS = ("question_field", "question_hint", "ask")  # the keys of their words
START = "questionBox.start(element, () => trigger('submit'))"

log = logging.getLogger("qa.questions")


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


def translations() -> gr.I18n:
    """The words of Gradio's own fields, which it chooses by the browser's language."""
    return gr.I18n(**{language: {key: words(language)[key] for key in FIELDS} for language in LANGUAGES})


def chat_page(service: Service, title: str) -> gr.Blocks:
    """The page: the conversation, and where to type."""

    def respond(question: str, history: Any, request: gr.Request) -> dict[str, Any] | None:
        """What chat.js shows: an answer and what is kept of it, or an error."""
        if not question.strip():
            return None
        language = language_of(request.headers.get("accept-language", ""))
        said = words(language)
        try:
            wanted = Ask(question=question, history=history[-MAX_HISTORY:] if isinstance(history, list) else [])
        except ValidationError:
            return {"question": question, "error": said["too_long"].replace("{n}", str(MAX_QUESTION))}
        try:
            answer = service.ask(wanted.question, wanted.history)
        except QAError as error:
            return {"question": question, "error": said[_key_of(error)]}
        return {
            "question": question,
            "standalone": answer.standalone,
            "text": answer.text,
            "html": answer_html(answer, language),
            "copy": copied(answer, language),
        }

    def ask(question: str) -> dict[str, Any]:
        """Answer a question in the documents' own words, with citations, or say that they don't hold the answer."""
        if len(question) > MAX_QUESTION:
            raise gr.Error(f"The question is longer than {MAX_QUESTION} characters: shorten it")
        begin = time.perf_counter()
        try:
            answer = service.ask(question)
        except QAError as error:
            raise gr.Error(words("en")[_key_of(error)]) from None
        return schema.Answer.of(answer, 1000 * (time.perf_counter() - begin)).as_json()

    def opened() -> dict[str, bool]:
        """Whether there are documents, once they are loaded."""
        return {"isOpen": not service.is_closed and service.assistant() is not None}

    said = translations()
    page: gr.Blocks
    with gr.Blocks(title=title, analytics_enabled=False, fill_height=True) as page:
        shown = gr.HTML(elem_id="qa-chat", html_template="", js_on_load=START, apply_default_css=False, scale=1)
        earlier, entry, state, examples = (gr.JSON(visible=False) for _ in range(4))
        with gr.Row(elem_id="qa-ask"):
            question = gr.Textbox(
                label=said("question_field"),
                placeholder=said("question_hint"),
                show_label=False,
                container=False,
                max_length=MAX_QUESTION,
                scale=1,
            )
            send = gr.Button(said("ask"), variant="primary", scale=0, min_width=72, elem_id="qa-send")
        quietly: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asking = "(typed) => questionBox.ask(typed)"
        triggers = [question.submit, send.click, shown.submit]
        asked = gr.on(triggers, respond, [question, earlier], entry, js=asking, trigger_mode="multiple", **quietly)
        asked.success(None, entry, None, js="(entry) => questionBox.arrived(entry)", api_visibility="private")
        asked.failure(None, None, None, js="() => questionBox.failed()", api_visibility="private")
        gr.api(ask, api_name="ask")  # type: ignore[attr-defined]  # not in its list of exports
        opening = page.load(opened, None, state, **quietly)
        opening.success(None, state, None, js="(state) => questionBox.ready(state)", api_visibility="private")
        finding = page.load(service.examples, None, examples, **quietly)
        finding.success(None, examples, None, js="(found) => questionBox.suggest(found)", api_visibility="private")
    return page


def _key_of(error: QAError) -> str:
    """Return the key of the words that say why there is no answer; what the owner has to mend is logged."""
    if isinstance(error, StoreUnavailable):
        return "unreachable"
    if isinstance(error, NoDocuments):
        return "no_documents"
    log.error("%s", error)
    return "damaged"
