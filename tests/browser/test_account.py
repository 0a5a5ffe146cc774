"""The account page: one section is open at a time, each has an address, and a refused form says why at its field."""

import pyotp
import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import check_page
from tests.clients import NEW_PASSWORD, PASSWORD

SECTIONS = {
    "change-email": "Email address",
    "change-password": "Password",
    "two-factor": "Two-step verification",
    "recovery-codes": "Recovery codes",
    "login-sessions": "Where you are logged in",
    "export-data": "Export your data",
    "delete-account": "Delete your account",
}
FORMS = ".settings form"


def summary(page, title):
    return page.locator(".settings summary", has=page.get_by_role("heading", name=title, exact=True))


def visible_forms(page):
    return [form for form in page.locator(FORMS).all() if form.is_visible()]


def open_sections(page):
    return [section.locator("h3").inner_text() for section in page.locator(".setting[open]").all()]


def begin_two_factor(reader):
    """Set up two-step verification, up to the last button."""
    page = reader.go("/account/#two-factor")
    page.get_by_role("button", name="Set up").click()
    key = page.locator(".key").inner_text().replace(" ", "")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("Code").fill(pyotp.TOTP(key).now())
    return page


def turn_on_two_factor(reader):
    """Set up two-step verification, and stay on the page with the recovery codes."""
    page = begin_two_factor(reader)
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    return page


@pytest.fixture(params=[True, False], ids=["scripts", "plain"])
def member(request, open_browser):
    """A person on a phone, with and without JavaScript."""
    reader = open_browser(390, height=844, javascript=request.param)
    reader.register()
    return reader


def test_one_section_is_open_at_a_time(member):
    turn_on_two_factor(member)
    page = member.go("/account/")
    assert open_sections(page) == []
    assert visible_forms(page) == []
    for title in SECTIONS.values():
        summary(page, title).click()
        assert open_sections(page) == [title]
        assert len(visible_forms(page)) <= 1
    check_page(member, "account with a section")


def test_one_form_is_visible_among_many_login_sessions(member, open_browser):
    for _ in range(2):
        other = open_browser(javascript=False)
        page = other.go("/login")
        page.get_by_label("Email").fill(member.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Watchlist").wait_for()
    page = member.go("/account/#login-sessions")
    expect(summary(page, "Where you are logged in")).to_contain_text("3 browsers")
    for each in page.locator("#login-sessions summary").all():
        each.click()
        assert len(visible_forms(page)) == 1
    page.get_by_label("Current password").locator("visible=true").fill("wrong")
    page.locator("#end-others button:not([type=button])").click()
    expect(page.locator("#end-others [name=current_password]")).to_be_focused()
    assert len(visible_forms(page)) == 1


def test_fragment_opens_its_section(member):
    turn_on_two_factor(member)
    for name, title in SECTIONS.items():
        member.go("/register")  # so that the page is loaded again
        page = member.go(f"/account/#{name}")
        expect(page.locator(f"#{name}")).to_be_visible()
        assert open_sections(page) == [title]
        expect(summary(page, title)).to_be_in_viewport()


def test_link_to_another_section_opens_it(member):
    page = member.go("/account/#delete-account")
    page.get_by_role("link", name="Export your data").click()
    expect(page.locator("#export")).to_be_visible()
    assert open_sections(page) == ["Export your data"]


def test_address_for_password_managers_opens_the_form(member):
    page = member.go("/.well-known/change-password")
    expect(page.locator("#password [name=verify]")).to_be_visible()


def test_open_section_is_in_the_address(open_browser):
    reader = open_browser()
    reader.register()
    page = reader.go("/account/")
    summary(page, "Password").click()
    expect(page).to_have_url(f"{reader.site}/account/#change-password")
    summary(page, "Email address").click()
    expect(page).to_have_url(f"{reader.site}/account/#change-email")
    page.reload()
    assert open_sections(page) == ["Email address"]
    summary(page, "Email address").click()
    expect(page).to_have_url(f"{reader.site}/account/")


def test_row_stays_in_place_when_the_one_above_closes(open_browser):
    reader = open_browser(390, height=500)
    reader.register()
    page = reader.go("/account/#change-password")
    row = summary(page, "Where you are logged in")
    row.evaluate("row => scrollBy({ top: row.getBoundingClientRect().top - 300, behavior: 'instant' })")
    before = row.bounding_box()["y"]
    row.click()
    expect(page.locator("#login-sessions")).to_be_visible()
    page.evaluate("new Promise(requestAnimationFrame)")
    assert abs(row.bounding_box()["y"] - before) < 2


def test_sections_are_used_by_keyboard(member):
    page = member.go("/account/")
    summary(page, "Delete your account").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # the link to the export
    page.keyboard.press("Tab")
    expect(page.locator("#delete [name=current_password]")).to_be_focused()


def test_refused_form_is_open_with_the_message_at_the_focused_field(member):
    page = member.go("/account/#delete-account")
    page.locator("#delete [name=current_password]").fill(PASSWORD)
    page.locator("#delete [name=word]").fill("yes")
    page.get_by_role("button", name="Delete my account").click()
    field = page.locator("#delete [name=word]")
    expect(field).to_be_focused()
    expect(field).to_be_in_viewport(ratio=1)
    expect(field).to_have_accessible_description("Type “delete”, without the quotation marks.")
    expect(page.get_by_role("alert")).to_contain_text("Your account was not deleted.")
    assert open_sections(page) == ["Delete your account"]
    check_page(member, "account, refused")


def test_errors_and_destructive_actions_are_red_and_the_main_action_is_not(reader):
    reader.register()
    page = reader.go("/account/#delete-account")
    color = "element => getComputedStyle(element)[{0}]"
    danger = page.locator("#delete button.danger").evaluate(color.format("'backgroundColor'"))
    with reader.with_javascript():
        main = page.evaluate("getComputedStyle(document.querySelector('#password > button')).backgroundColor")
    assert danger != main
    page.get_by_label("Current password").locator("visible=true").fill("wrong")
    page.locator("#delete [name=word]").fill("delete")
    page.locator("#delete button.danger").click()
    problem = page.locator("#delete .problem")
    expect(problem).to_have_css("color", danger)


def test_password_is_cleared_after_export(open_browser):
    reader = open_browser()
    reader.register()
    page = reader.go("/account/#export-data")
    field = page.locator("#export [name=current_password]")
    field.fill(PASSWORD)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "flicklist.zip"
    expect(field).to_have_value("")


def test_recovery_codes_are_downloaded(member):
    page = turn_on_two_factor(member)
    codes = page.locator(".codes code").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "flicklist-recovery-codes.txt"
    assert not [code for code in codes if code.split()[0] in download.value.url]
    lines = download.value.path().read_text(encoding="utf-8").split("\n")
    assert [line for line in lines if line in codes] == codes
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()


def test_recovery_codes_are_copied(open_browser):
    reader = open_browser(permissions=["clipboard-read", "clipboard-write"])
    reader.register()
    page = turn_on_two_factor(reader)
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#download-codes [role=status]")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.split("\n") == page.locator(".codes code").all_inner_texts()


def test_recovery_codes_are_printed_without_controls(member):
    page = turn_on_two_factor(member)
    page.emulate_media(media="print")
    expect(page.locator(".codes code").last).to_be_visible()
    expect(page.get_by_text(f"For {member.email}")).to_be_visible()
    assert [each for each in page.locator("button, .button, nav, footer, .message").all() if each.is_visible()] == []


def test_print_button_prints(open_browser):
    reader = open_browser()
    reader.register()
    page = turn_on_two_factor(reader)
    page.evaluate("window.print = () => { document.body.dataset.printed = 'yes' }")
    page.get_by_role("button", name="Print").click()
    expect(page.locator("body")).to_have_attribute("data-printed", "yes")


def test_copy_and_print_need_javascript(open_browser):
    reader = open_browser(javascript=False)
    reader.register()
    page = turn_on_two_factor(reader)
    expect(page.get_by_role("button", name="Download")).to_be_visible()
    for name in ("Copy", "Print"):
        expect(page.get_by_text(name, exact=True)).to_be_hidden()


def test_typed_password_can_be_shown(open_browser):
    reader = open_browser(390, height=844)
    page = reader.go("/register")
    expect(page.get_by_label("Email")).to_be_focused()
    field = page.locator("[name=password]")
    field.fill(PASSWORD)
    button = page.get_by_role("button", name="Show password", exact=True)
    expect(button).to_have_attribute("aria-pressed", "false")
    field.focus()
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Space")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(field).to_have_attribute("type", "text")
    expect(field).to_have_value(PASSWORD)
    check_page(reader, "register, with a shown password")
    page.keyboard.press("Space")
    expect(field).to_have_attribute("type", "password")


def test_shown_password_is_sent_as_a_password(open_browser):
    reader = open_browser()
    reader.register()
    page = reader.go("/account/#change-password")
    for name, typed in (("current_password", PASSWORD), ("password", NEW_PASSWORD), ("verify", "something else")):
        page.locator(f"#password [name={name}]").fill(typed)
    page.get_by_role("button", name="Show new password", exact=True).click()
    page.evaluate("document.addEventListener('submit', ({ target }) => { name = target.password.type })")
    page.locator("#password > button").click()
    expect(page.locator("#password [name=verify]")).to_be_focused()
    assert page.evaluate("name") == "password"


def test_password_fields_have_no_button_without_javascript(open_browser):
    page = open_browser(javascript=False).go("/register")
    expect(page.get_by_role("button")).to_have_count(1)


@pytest.mark.parametrize("size", [(390, 844), (390, 664), (320, 640)], ids=str)
@pytest.mark.parametrize("path", ["/register", "/login"])
def test_phone_says_what_flicklist_is_beside_the_form(open_browser, size, path):
    width, height = size
    page = open_browser(width, height=height).go(path)
    expect(page.locator(".entrance > header")).to_contain_text("movies you want to see")
    expect(page.locator(".entrance > header p")).to_be_in_viewport(ratio=1)
    expect(page.get_by_label("Email")).to_be_focused()
    expect(page.locator(".entrance > form [type=password]").first).to_be_in_viewport(ratio=1)
    if path == "/login" or height > 800:
        expect(page.locator(".entrance > form button:not([type=button])")).to_be_in_viewport(ratio=1)
