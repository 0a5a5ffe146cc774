"""Chromium can install the site as an app."""

from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import ARGUMENTS, CHROMIUM


@pytest.fixture
def developer_tools(playwright, site, tmp_path):
    """The developer tools of the login page. Chromium installs apps only in a browser that keeps its profile."""
    browser = playwright.chromium.launch_persistent_context(tmp_path, executable_path=CHROMIUM, args=ARGUMENTS)
    page = browser.new_page()
    page.goto(f"{site}/login")
    yield browser.new_cdp_session(page)
    browser.close()


def test_manifest_has_no_errors_and_site_can_be_installed(developer_tools, site):
    manifest = developer_tools.send("Page.getAppManifest")
    assert manifest["url"] == f"{site}/manifest.webmanifest"
    assert manifest["errors"] == []
    assert '"FlickList"' in manifest["data"]
    assert developer_tools.send("Page.getInstallabilityErrors") == {"installabilityErrors": []}
    assert urlsplit(developer_tools.send("Page.getAppId")["appId"]).path == "/"
