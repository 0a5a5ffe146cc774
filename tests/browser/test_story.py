"""One visit from registration to the next login, by mouse and by keyboard.

It runs in each width and colour scheme, with and without JavaScript.
"""

from playwright.sync_api import expect

from tests.clients import PASSWORD


def test_whole_story_by_mouse(reader):
    page = reader.page
    reader.go("/")
    expect(page.get_by_role("heading", name="Keep a list")).to_be_visible()
    assert reader.said == ""
    reader.go("/account/")
    expect(page.get_by_role("status")).to_contain_text("Log in or create an account to continue.")
    reader.register()
    expect(page.get_by_role("status")).to_contain_text("Welcome to FlickList!")
    reader.add("Heat", "1995")
    reader.add("heat", "1995")
    expect(page.get_by_role("status")).to_contain_text("already on your watchlist")
    reader.add("Amélie")
    reader.title_field.fill("Gigli")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Trust me, you don’t want to add “Gigli”")
    assert reader.titles == ["Amélie", "Heat"]
    reader.watch("Heat")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Undone")
    assert reader.titles == ["Amélie", "Heat"]
    reader.watch("Heat")
    expect(page.get_by_role("status")).to_contain_text("Watched “Heat (1995)”.")
    page.get_by_role("link", name="Watched", exact=True).click()
    reader.rate("Heat", "4.5")
    expect(page.get_by_role("status")).to_contain_text("4½ ★")
    page.get_by_role("button", name="Log out").click()
    reader.go("/")
    expect(page.get_by_role("heading", name="Keep a list")).to_be_visible()
    page.get_by_role("link", name="Log in").first.click()
    log_in(page, reader.email, "wrong horse battery")
    expect(page.get_by_role("alert")).to_contain_text("Wrong email or password.")
    expect(page.get_by_label("Email")).to_have_value(reader.email)
    expect(page.get_by_label("Password")).to_be_focused()
    log_in(page, reader.email, PASSWORD)
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    assert reader.titles == ["Amélie"]
    page.get_by_role("link", name="Watched", exact=True).click()
    assert reader.rating_of("Heat") == "4½ of 5 stars"


def log_in(page, email, password):
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.locator("#log-in button").click()


def test_whole_story_by_keyboard_alone(reader):
    page = reader.page
    keys = page.keyboard
    reader.go("/register")
    tab_to(reader, "Email")
    for typed in (reader.email, PASSWORD, PASSWORD):
        keys.type(typed)
        keys.press("Tab")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    tab_to(reader, "Add or find a movie")
    keys.type("Heat")
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added “Heat”.")
    tab_to(reader, "I watched it! Heat")
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Watched “")
    reader.go("/")
    tab_to(reader, "Watched")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Watched", exact=True)).to_be_visible()
    tab_to(reader, "Heat")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Heat")).to_be_visible()
    tab_to(reader, "Your rating")
    if reader.javascript:
        for _ in range(9):
            keys.press("ArrowRight")
    else:
        keys.type("4½")
        tab_to(reader, "Rate")
    keys.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("4½ ★")


def tab_to(reader, name):
    """Press Tab until the element with that name has a visible focus."""
    for _ in range(60):
        reader.page.keyboard.press("Tab")
        with reader.with_javascript():
            if reader.page.evaluate(NAME_OF_FOCUSED) == name:
                return
    raise AssertionError(f"the keyboard does not reach {name!r}")


NAME_OF_FOCUSED = """() => {
  const element = document.activeElement;
  const label = element.labels?.[0]?.cloneNode(true);
  label?.querySelectorAll("input, small, select").forEach((part) => part.remove());
  return (element.ariaLabel || label?.textContent || element.textContent || "").trim();
}"""
