"""The notice that asks to confirm the email address, on a site that sends mail."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import follow, running_site
from tests.browser.test_pages import check_page
from tests.postbox import link_in, running_postbox


@pytest.fixture(scope="module")
def postbox():
    with running_postbox() as box:
        yield box


@pytest.fixture(scope="module")
def site(postbox, tmp_path_factory):
    """The links in the mail begin with a host that does not exist. Only their paths are used."""
    mail = {"smtp_url": postbox.url, "public_url": "https://movies.example"}
    with running_site(tmp_path_factory.mktemp("mailing-site"), **mail) as url:
        yield url


def test_email_is_confirmed_with_the_link_and_a_button(reader, postbox):
    page = reader.page
    reader.register()
    notice = page.get_by_role("complementary", name="Confirm your email address")
    expect(notice).to_contain_text(reader.email)
    check_page(reader, "watchlist, email not confirmed")
    mails = len(postbox.mails)
    notice.get_by_role("button", name="Email me a new link").click()
    expect(page.get_by_role("status")).to_contain_text("We’re sending a link to")
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    follow(page, "Wrong address?")
    expect(page.get_by_label("New email address")).to_be_visible()
    expect(notice).to_contain_text(reader.email)
    check_page(reader, "account, email not confirmed")
    postbox.wait_for(mails + 1)
    mail = next(each for each in reversed(postbox.mails) if each["To"] == reader.email)
    reader.go(link_in(mail))
    expect(page.get_by_role("heading", name="Confirm your email address")).to_be_visible()
    check_page(reader, "confirm email")
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page.get_by_role("status")).to_contain_text("Your email address is confirmed.")
    expect(notice).to_have_count(0)
