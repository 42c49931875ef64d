"""A real browser, for its own session: ``pytest -m browser tests/browser``."""

import asyncio
import base64
import itertools
import json
import shutil
from contextlib import asynccontextmanager

import aiohttp
import pytest

_START_SECONDS = 30
_WAIT_SECONDS = 20


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: drives a Chromium; runs with -m browser only")


def pytest_collection_modifyitems(config, items):
    if "browser" in (config.getoption("markexpr") or ""):
        return
    skip = pytest.mark.skip(reason="the browser has a session of its own: nox -s browser")
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(skip)


class Page:
    """A tab, driven over Chromium's own protocol.

    Parameters
    ----------
    socket
        The connection to the tab.
    """

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events = []

    async def call(self, method, **parameters):
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (message := await self._next()).get("id") != number:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    async def event(self, method):
        """Wait for an event and return what it tells."""
        while True:
            for message in self.events:
                if message["method"] == method:
                    self.events.remove(message)
                    return message["params"]
            self.events.append(await self._next())

    async def _next(self):
        return json.loads(await self._socket.receive_str(timeout=_WAIT_SECONDS))

    async def open(self, url):
        """Go to an address and wait until the page has loaded."""
        await self.call("Page.enable")
        await self.call("Page.navigate", url=url)
        await self.event("Page.loadEventFired")

    async def evaluate(self, script):
        """Return the value of a JavaScript expression."""
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def click(self, element):
        """Click with the mouse on an element, given as a JavaScript expression."""
        box = await self.evaluate(
            f"(element => {{ element.scrollIntoView({{block: 'center'}});"
            " const box = element.getBoundingClientRect();"
            f" return [box.x + box.width / 2, box.y + box.height / 2]; }})({element})"
        )
        where = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        await self.call("Input.dispatchMouseEvent", type="mousePressed", **where)
        await self.call("Input.dispatchMouseEvent", type="mouseReleased", **where)

    async def screenshot(self, path):
        """Keep a picture of the page."""
        answer = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))


@pytest.fixture
async def page(tmp_path):
    """Return a tab whose downloads go to ``downloads`` under the test's directory."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on PATH (Debian's package chromium)")
    async with (
        _browser(chromium, tmp_path / "profile") as port,
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            (tab,) = [tab for tab in await answer.json() if tab["type"] == "page"]
        async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            page = Page(socket)
            await page.call(
                "Browser.setDownloadBehavior",
                behavior="allow",
                downloadPath=str(tmp_path / "downloads"),
                eventsEnabled=True,
            )
            yield page


@asynccontextmanager
async def _browser(chromium, profile):
    """Run Chromium and return the port on which it takes orders."""
    process = await asyncio.create_subprocess_exec(
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--window-size=1200,800",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield await asyncio.wait_for(_port(process, profile / "DevToolsActivePort"), _START_SECONDS)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _port(process, file):
    while not (file.exists() and "\n" in file.read_text()):
        assert process.returncode is None, f"Chromium ended with {process.returncode}."
        await asyncio.sleep(0.05)
    return int(file.read_text().splitlines()[0])
