"""The widget on a page, for docs/embedding.md: `python bench/embedding.py`. Needs chromium and an index of the demo."""

import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import brotli
import httpx
from playwright.sync_api import Page, sync_playwright

from qa.web.words import widget_script

ROOT = Path(__file__).parent.parent
PORT = 7899
SERVER = f"http://127.0.0.1:{PORT}"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
RUNS = 10
QUESTIONS = ["Which river is the port on?", "Why is it called the City of Black Gold?", "What is the Kuzbass?"]
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
SHOWN = """() => new Promise(done => {
    const look = () => document.querySelector('qa-box')?.shadowRoot?.querySelector('button')
        ? done(performance.now()) : requestAnimationFrame(look);
    look();
})"""
HOST = "<!doctype html><html lang=en><title>Host</title><h1>A page</h1>{}"
TAG = f'<script type="module" src="{SERVER}/widget.js"></script>'


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = HOST.format("" if self.path == "/plain" else TAG).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def servers() -> Iterator[tuple[str, float, float]]:
    """Start both servers; yield the host page's origin and the seconds until the chat page and the first answer."""
    site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{site.server_port}"
    settings = {"QA_PORT": str(PORT), "QA_ORIGINS": origin, "QA_RATE": "10000", "PATH": "/usr/bin:/bin"}
    client = httpx.Client(verify=False)  # loading certificates takes time
    begin = time.perf_counter()
    server = subprocess.Popen([sys.executable, str(ROOT / "app.py")], cwd=ROOT, env=settings, stdout=subprocess.DEVNULL)
    try:
        page = _until(lambda: client.get(SERVER).status_code == 200) - begin
        ask = {"question": QUESTIONS[0]}
        answer = _until(lambda: client.post(f"{SERVER}/api/ask", json=ask).status_code == 200) - begin
        yield origin, page, answer
    finally:
        server.terminate()
        server.wait()
        site.shutdown()
        site.server_close()


def main() -> None:
    script = widget_script().encode()
    print(f"widget.js, bytes: {len(script)}, of which compressed {len(brotli.compress(script, quality=4))}")
    with servers() as (origin, page_after, answer_after), sync_playwright() as playwright:
        print(f"from starting the server to its page: {page_after:.1f} s, to its first answer: {answer_after:.1f} s")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        figures: dict[str, list[float]] = {}
        for _ in range(RUNS):
            for path in ("/plain", "/"):  # in turns
                page = browser.new_page()  # with an empty cache
                weight: list[int] = []
                page.on("requestfinished", lambda request, weight=weight: weight.append(_weight(request)))
                page.goto(origin + path, wait_until="networkidle")
                name = "without the tag" if path == "/plain" else "with it"
                figures.setdefault(f"first paint {name}, ms", []).append(page.evaluate(FIRST_PAINT))
                figures.setdefault(f"requests {name}", []).append(len(weight))
                figures.setdefault(f"weight {name}, bytes", []).append(sum(weight))
                page.close()
            page = browser.new_page()
            page.goto(origin, wait_until="commit")
            figures.setdefault("the button is there after, ms", []).append(page.evaluate(SHOWN))
            figures.setdefault("from click to answer, ms", []).extend(_answers(page))
            page.close()
        browser.close()
    for name, values in figures.items():
        print(f"{name}: median {statistics.median(values):.0f}, {min(values):.0f} to {max(values):.0f}")


def _answers(page: Page) -> Iterator[float]:
    page.locator("qa-box button").first.click()
    for number, question in enumerate(QUESTIONS):
        page.locator("qa-box textarea").fill(question)
        yield page.evaluate(
            """number => new Promise(done => {
                const root = document.querySelector('qa-box').shadowRoot, begin = performance.now();
                const look = () => root.querySelectorAll('article .wrap').length > number
                    ? done(performance.now() - begin) : requestAnimationFrame(look);
                root.querySelector('footer button').click();
                look();
            })""",
            number,
        )


def _weight(request: object) -> int:
    sizes = request.sizes()  # type: ignore[attr-defined]
    return int(sizes["responseBodySize"] + sizes["responseHeadersSize"])


def _until(is_there: object) -> float:
    while True:
        try:
            if is_there():  # type: ignore[operator]
                return time.perf_counter()
        except httpx.TransportError:
            pass
        time.sleep(0.1)


if __name__ == "__main__":
    main()
