"""One visit from registration to the next login, by mouse and by keyboard.

It runs in each width and colour scheme, with and without JavaScript.
"""

from playwright.sync_api import expect

from tests.browser.conftest import follow
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
    expect(page.get_by_role("alert")).to_contain_text("Trust me, you don’t want “Gigli”")
    assert reader.titles == ["Amélie", "Heat"]
    reader.watch("Heat")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Undone: watched")
    assert reader.titles == ["Amélie", "Heat"]
    reader.watch("Heat")
    expect(page.get_by_role("status")).to_contain_text("Watched “Heat (1995)” today.")
    follow(page, "Watched")
    reader.rate("Heat", "4.5")
    expect(page.get_by_role("status")).to_contain_text("4½ ★")
    page.get_by_role("button", name="Log out").click()
    reader.go("/")
    expect(page.get_by_role("heading", name="Keep a list")).to_be_visible()
    page.get_by_role("link", name="Log in").first.click()
    log_in(page, reader.email, "wrong horse battery")
    expect(page.get_by_role("alert")).to_contain_text("You’re not logged in yet.")
    expect(page.get_by_label("Email")).to_have_value(reader.email)
    expect(page.get_by_label("Password")).to_be_focused()
    log_in(page, reader.email, PASSWORD)
    expect(page.get_by_role("heading", name="Watchlist")).to_be_visible()
    assert reader.titles == ["Amélie"]
    follow(page, "Watched")
    assert reader.rating_of("Heat") == "4½ of 5 stars"


def log_in(page, email, password):
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_whole_story_by_keyboard_alone(reader):
    page = reader.page
    keys = page.keyboard
    reader.go("/register")
    expect(page.get_by_label("Email")).to_be_focused()
    keys.type(reader.email)
    for name in ("Password", "Repeat password"):
        tab_to(reader, name)
        keys.type(PASSWORD)
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


def test_first_visit_on_a_phone_takes_few_taps(open_browser):
    """Ten movies, three of them watched, rated and dated, one found again, and a mistake undone."""
    reader = open_browser(390, height=844, has_touch=True)
    reader.register()
    page, taps = reader.page, []

    def tap(locator, **position):
        taps.append(locator)
        page.wait_for_timeout(350)  # nobody taps twice within 300 ms; the site ignores it
        locator.tap(**position)

    tap(reader.title_field)
    for title in ("Heat", "Ran", "Alien", "Jaws", "Stalker", "Vertigo", "Psycho", "Amélie", "Parasite", "Yi Yi"):
        page.keyboard.type(title)
        page.keyboard.press("Enter")
    expect(page.locator(".movies > li")).to_have_count(10)
    for title in ("Ran", "Jaws", "Vertigo"):
        tap(reader.check_of(title))
        message = page.get_by_role("status")
        expect(message).to_contain_text(f"Watched “{title}” today.")
        stars = message.get_by_role("slider")
        box = stars.bounding_box()
        tap(stars, position={"x": box["width"] * 0.75, "y": box["height"] / 2})
        expect(message).to_contain_text(f"You rated “{title}” 4 ★.")
        tap(message.get_by_role("button", name="Yesterday"))
        expect(message).to_contain_text(f"Watched “{title}” on ")
    tap(reader.check_of("Alien"))
    tap(page.get_by_role("button", name="Undo", exact=True))
    expect(page.get_by_role("status")).to_contain_text("Undone: watched")
    tap(reader.title_field)
    page.keyboard.type("vert")
    tap(page.get_by_role("option", name="Vertigo watched"))
    expect(page.get_by_role("heading", name="Vertigo")).to_be_visible()
    assert reader.page.locator("main").get_by_role("slider").get_attribute("aria-valuetext") == "4 of 5 stars"
    assert len(taps) == 14
