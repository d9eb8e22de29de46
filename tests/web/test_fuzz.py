"""Wrong requests of every kind, made by schemathesis from the API's own description, get a 4xx and never a 5xx."""

from collections import Counter
from pathlib import Path

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from serving import serving

from qa import Assistant, Document, Settings
from qa.encoder.base import Encoder

EXAMPLES = {GenerationMode.NEGATIVE: 400, GenerationMode.POSITIVE: 20}  # of each operation that has them


def test_no_request_makes_the_server_fail(encoder: Encoder, tmp_path: Path) -> None:
    document = Document("a.md", "Elm", "The port of Elm is on the Ash.")
    assistant = Assistant.from_documents([document], encoder)
    sent: Counter[tuple[str, int]] = Counter()

    def send(case: Case) -> None:
        answer = case.call()
        sent[case.path, answer.status_code] += 1
        assert answer.status_code < 500, case.as_curl_command()
        if answer.status_code >= 400 and not case.path.startswith("/source"):
            assert list(answer.json()) == ["error"]

    given_settings = Settings(rate=1_000_000, feedback=str(tmp_path / "feedback.sqlite"))
    with serving(given_settings, lambda: assistant) as address:
        description = schemathesis.openapi.from_url(f"{address}/openapi.json")
        for found in description.get_all_operations():
            operation = found.ok()
            for mode, count in EXAMPLES.items():
                if mode is GenerationMode.NEGATIVE and operation.path == "/api/health":
                    continue  # it takes nothing that could be wrong
                cases = operation.as_strategy(generation_mode=mode)
                run = settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))
                run(given(case=cases)(send))()
        for method in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"):
            assert 400 <= httpx.request(method, f"{address}/api/ask").status_code < 500
    wrong = sum(count for (_, status), count in sent.items() if 400 <= status < 500)
    assert wrong >= 1000, sent
    assert sent["/api/ask", 200] > 10
