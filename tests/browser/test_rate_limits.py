"""Rate limits, as they are shown by requests that change the page in place."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import IS_MARKED, MARK, running_site

LIMITS = {"rate_limit_changes": "1 per hour", "rate_limit_searches": "1 per hour"}
CHANGES_LATER = "You made a lot of changes in a short time. Nothing was saved. Try again in 60 minutes."
SEARCHES_LATER = "You searched a lot in a short time. Try again in 60 minutes."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with running_site(tmp_path_factory.mktemp("limited-site"), **LIMITS) as url:
        yield url


@pytest.fixture
def limited(open_browser):
    """A person who has added one movie, and can change nothing more."""
    reader = open_browser()
    reader.register()
    reader.add("Heat", "1995")
    reader.page.evaluate(MARK)
    return reader


def test_limit_of_changes_is_reported_in_place(limited):
    page = limited.page
    limited.check_of("Heat").click()
    expect(page.get_by_role("alert")).to_have_text(f"“Heat” wasn’t changed. {CHANGES_LATER}×")
    expect(limited.check_of("Heat")).to_be_visible()
    assert page.evaluate(IS_MARKED)


def test_title_beyond_limit_comes_back(limited):
    page = limited.page
    limited.title_field.fill("Ran")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text(f"{CHANGES_LATER}×")
    expect(limited.title_field).to_have_value("Ran")
    assert page.evaluate(IS_MARKED)


def test_limit_of_searches_is_reported_in_place(limited):
    page = limited.page
    page.get_by_text("Filters").click()
    page.get_by_label("Decade").select_option("1990")
    expect(page.get_by_text("1 found")).to_be_attached()
    page.get_by_label("Decade").select_option("2000")
    expect(page.get_by_role("alert")).to_have_text(f"{SEARCHES_LATER}×")
    assert limited.titles == ["Heat"]
    assert page.evaluate(IS_MARKED)
