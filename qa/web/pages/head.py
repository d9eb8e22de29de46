"""What stands in the chat page's head, in the visitor's language: Gradio's own is about Gradio."""

import json
import re
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa.settings import DEFAULTS, Settings
from qa.web.words import language_of, words

THEIRS = re.compile(r'\s*<(?:meta\s+(?:name|property)="(?:og|twitter):|link rel="manifest")[^>]*>')
BASE = re.compile(r"<base [^>]*>")
PAGE = b"<gradio-app"


class Head:
    """Middleware that puts the page's own title, description, icon, preview and words where Gradio has its own."""

    def __init__(self, app: ASGIApp, settings: Settings, recorded: int = 0) -> None:
        self._app = app
        self._settings = settings
        self._recorded = recorded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and change what is answered where that is the page."""
        root = scope.get("root_path", "")
        if scope["type"] != "http" or scope["path"].removeprefix(root).strip("/"):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def changed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if PAGE in body:
                body = self._with_head(body.decode(), Request(scope)).encode()
            headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            length = [(b"content-length", b"%d" % len(body)), (b"vary", b"accept-language")]
            await send({**start, "headers": headers + length})
            await send({"type": "http.response.body", "body": body})

        await self._app(scope, receive, changed)

    def _with_head(self, page: str, request: Request) -> str:
        language = language_of(request.headers.get("accept-language", ""))
        root = self._settings.url.rstrip("/") or str(request.base_url).rstrip("/")
        page = THEIRS.sub("", page).replace('lang="en"', f'lang="{language}"', 1)
        return BASE.sub(lambda base: f"{base[0]}\n{self._head(language, root)}", page, count=1)

    def _head(self, language: str, root: str) -> str:
        said = words(language)
        title = said["page_title"] if self._settings.title == DEFAULTS.title else self._settings.title
        about = self._settings.about or said["about"]
        notice = said["recorded"].replace("{n}", str(self._recorded)) if self._recorded else ""
        logo = "logo" if self._settings.logo else ""
        icon = logo or "icon.svg"
        page: dict[str, Any] = {
            "words": said,
            "title": title,
            "about": f"{about} {notice}".strip(),
            "logo": logo,
            "feedback": bool(self._settings.feedback or self._settings.record),
        }
        preview = {
            "og:type": "website",
            "og:title": title,
            "og:description": about,
            "og:url": f"{root}/",
            "og:image": f"{root}/{logo or 'icon.png'}",
            "og:locale": language,
        }
        tags = [f'<meta property="{name}" content="{escape(value)}">' for name, value in preview.items()]
        data = json.dumps(page, ensure_ascii=False).replace("<", "\\u003c")
        return "\n".join(
            [
                f"<title>{escape(title)}</title>",
                f'<meta name="description" content="{escape(about)}">',
                f'<link rel="icon" href="./{icon}">',
                f'<link rel="apple-touch-icon" href="./{logo or "icon.png"}">',
                '<meta name="twitter:card" content="summary">',
                *tags,
                f'<script type="application/json" id="qa-page">{data}</script>',
                '<script type="module" src="./chat.js"></script>',
                "",
            ]
        )
