"""The servers and the page of the widget's tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext
from web.widget import Api, ApiHandler, Server, Site, SiteHandler


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    """One for all tests: what they keep is in sessionStorage, which is a page's own."""
    return browser.new_context()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    api, site = Server(ApiHandler, None), Server(SiteHandler, ("", ""))
    yield api, site
    api.stop()
    site.stop()


@pytest.fixture
def api(servers: tuple[Server, Server]) -> Api:
    servers[0].state = Api(servers[0].origin)
    return servers[0].state


@pytest.fixture
def site(context: BrowserContext, api: Api, servers: tuple[Server, Server]) -> Iterator[Site]:
    page = context.new_page()
    page.set_default_timeout(5000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Site(page, api, servers[1])
    if api.gate:
        api.gate.set()
    page.close()
    context.clear_cookies()
    assert not errors
