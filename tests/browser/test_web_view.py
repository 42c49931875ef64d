"""The web view of the embedded OSF in a real Chromium."""

import pytest

from dvc_osf import OSFFileSystem
from dvc_osf.emulator import EmulatorThread

pytestmark = pytest.mark.browser
_FILES = {"data/a.csv": b"1,2,3\n", "data/deep/b.bin": bytes(range(256)), "ü & <i>.txt": b"odd"}
_PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def osf(tmp_path):
    with EmulatorThread(tmp_path / "osf") as emulator:
        yield emulator


@pytest.fixture
def pushed(osf):
    """Push files as a user does."""
    fs = OSFFileSystem(token=osf.token, endpoint_url=osf.api_url, skip_instance_cache=True)
    for name, content in _FILES.items():
        fs.pipe_file(f"{osf.project}/osfstorage/{name}", content)
    return _FILES


async def test_the_page_lists_pushed_files_and_a_click_downloads_one(page, osf, pushed, tmp_path):
    await page.open(f"{osf.web_url}/{osf.project}/")
    assert await page.evaluate("document.title") == "OSF | Example project"
    names = await page.evaluate(
        "[...document.querySelectorAll('tr.file')].map(row => row.cells[0].innerText)"
    )
    assert sorted(names) == sorted(name.rpartition("/")[2] for name in pushed)
    sizes = await page.evaluate(
        "[...document.querySelectorAll('tr.file')].map(row => Number(row.cells[1].innerText))"
    )
    assert sorted(sizes) == sorted(map(len, pushed.values()))
    await page.screenshot(tmp_path / "project.png")
    assert (tmp_path / "project.png").read_bytes().startswith(_PNG)

    await page.click(
        "[...document.querySelectorAll('tr.file')]"
        ".find(row => row.cells[0].innerText === 'b.bin').querySelector('a.download')"
    )
    download = await page.event("Browser.downloadWillBegin")
    assert download["suggestedFilename"] == "b.bin"
    while (await page.event("Browser.downloadProgress"))["state"] != "completed":
        pass
    assert (tmp_path / "downloads" / "b.bin").read_bytes() == pushed["data/deep/b.bin"]


async def test_a_click_on_a_name_leads_to_the_files_versions(page, osf, pushed):
    await page.open(f"{osf.web_url}/{osf.project}/")
    await page.click(
        "[...document.querySelectorAll('tr.file td a')].find(link => link.innerText === 'a.csv')"
    )
    await page.event("Page.loadEventFired")
    assert await page.evaluate("document.title") == "OSF | a.csv"
    assert await page.evaluate("document.querySelectorAll('tr.version').length") == 1
    assert str(len(pushed["data/a.csv"])) in await page.evaluate("document.body.innerText")
