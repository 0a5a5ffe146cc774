"""Tags are completed while they are typed, by keyboard and by mouse."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WIDTHS, follow


@pytest.fixture(params=WIDTHS.values(), ids=WIDTHS)
def tagged(request, open_browser):
    """A person on a phone or a desktop, with three movies. The first one has the tags "own it" and "with Mum"."""
    reader = open_browser(request.param)
    reader.register()
    for title in ("Heat", "Ran", "Amélie"):
        reader.add(title)
    open_edit_form(reader, "Heat")
    tags_field(reader).fill("own it, with Mum")
    reader.page.get_by_role("button", name="Save").click()
    expect(reader.page.get_by_role("status")).to_contain_text("Saved “Heat”.")
    return reader


def open_edit_form(reader, title):
    reader.go("/")
    follow(reader.page, title)
    expect(reader.page.get_by_role("heading", name=title)).to_be_visible()
    follow(reader.page, "Edit")


def tags_field(reader):
    return reader.page.get_by_role("combobox", name="Tags")


def open_bar(reader, *titles):
    """Select movies, open the tags in the action bar, and return the field."""
    reader.go("/")
    reader.select(*titles)
    reader.page.locator("#selection summary").click()
    return reader.page.locator("#selection [name=tags]")


def assert_in_window(reader, option):
    """Check that nothing covers the option and that it is not cut off."""
    expect(option).to_be_in_viewport(ratio=1)
    box = option.bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    top = reader.page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).closest('[role=option]')?.innerText", middle
    )
    assert top == option.inner_text()


def test_keyboard_completes_last_tag_in_edit_form(tagged):
    open_edit_form(tagged, "Ran")
    page, field = tagged.page, tags_field(tagged)
    field.press_sequentially("Netflix, mum")
    option = page.get_by_role("option", name="with Mum")
    assert_in_window(tagged, option)
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(field).to_have_value("Netflix, with Mum")
    expect(option).to_be_hidden()
    expect(page.get_by_role("heading", name="Edit Ran")).to_be_visible()  # the form is not sent yet
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved “Ran”.")
    expect(page.locator("main .tags")).to_have_text("Netflix with Mum", use_inner_text=True)


def test_mouse_completes_tag_in_edit_form(tagged):
    open_edit_form(tagged, "Ran")
    page, field = tagged.page, tags_field(tagged)
    page.get_by_label("Year").fill("1985")
    field.press_sequentially("own")
    page.get_by_role("option", name="own it").click()
    expect(field).to_have_value("own it")
    expect(field).to_be_focused()
    expect(page.get_by_label("Year")).to_have_value("1985")


def test_keyboard_completes_tag_in_action_bar_and_enter_adds_it(tagged):
    page, field = tagged.page, open_bar(tagged, "Ran", "Amélie")
    field.press_sequentially("own")
    assert_in_window(tagged, page.get_by_role("option", name="own it"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("own it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Added the tag “own it” to 2 movies.")
    assert tagged.titles == ["Amélie", "Ran", "Heat"]
    expect(page.locator(".tags").get_by_role("link", name="own it")).to_have_count(3)


def test_mouse_completes_last_tag_in_action_bar(tagged):
    page, field = tagged.page, open_bar(tagged, "Heat")
    field.press_sequentially("own it, wit")
    option = page.get_by_role("option", name="with Mum")
    assert_in_window(tagged, option)
    option.click()
    expect(field).to_have_value("own it, with Mum")
    page.get_by_role("button", name="Remove tags").click()
    expect(page.get_by_role("status")).to_contain_text("Removed the tags “own it” and “with Mum” from “Heat”.")
    expect(page.locator(".tags")).to_have_count(0)


def test_suggested_tags_cover_and_move_nothing(tagged):
    page, field = tagged.page, open_bar(tagged, "Heat")
    bar = page.locator("#selection")
    before = bar.bounding_box()
    field.press_sequentially("own")
    assert_in_window(tagged, page.get_by_role("option", name="own it"))
    assert bar.bounding_box() == before
    page.get_by_role("button", name="Add tags").click(trial=True)
    page.get_by_label("Select Heat").click(trial=True)


def test_double_click_on_tags_presses_no_button_that_moved_there(open_browser):
    reader = open_browser(1100)
    reader.register()
    reader.add("Heat")
    reader.watch("Heat")
    page, sent = reader.go("/"), []
    follow(page, "Watched")
    reader.select("Heat")
    page.on("request", lambda request: sent.append(request.method))
    page.locator("#selection summary").dblclick(delay=50)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("link", name="Select", exact=True)).to_be_visible()
    assert "POST" not in sent


def test_chosen_tag_filters_list(tagged):
    tagged.go("/")
    page = tagged.page
    page.get_by_text("Filters").click()
    field = page.get_by_label("Tag", exact=True)
    field.press_sequentially("MUM")
    option = page.get_by_role("option", name="with Mum")
    assert_in_window(tagged, option)
    option.click()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 found")).to_be_visible()
    assert tagged.titles == ["Heat"]


def test_logged_out_person_gets_no_completions(tagged):
    open_edit_form(tagged, "Ran")
    tagged.page.context.clear_cookies()
    field = tags_field(tagged)
    field.press_sequentially("own")
    expect(tagged.page.locator("[data-complete]")).to_have_count(0)
    expect(tagged.page.get_by_role("option")).to_have_count(0)
