"""The viewing history of Netflix."""

import pytest

from flicklist.services.imports.formats.netflix import ADD, DATE_ORDER, DAY_FIRST, LEAVE_OUT, MONTH_FIRST, WITH_COLON
from flicklist.services.imports.rows import RowViewing, Status
from tests.services.imports.files import MADE, assert_storable, counts, read, read_bytes, refused, undecided, usable

NETFLIX = MADE / "netflix"


def days(parsed):
    return [viewing.watched_on for row in usable(parsed) for viewing in row.viewings]


@pytest.mark.parametrize(
    ("name", "expected", "number_refused"),
    [
        ("viewing-us.csv", (1, 0, 1, 0, 0), 2),
        ("viewing-day-first.csv", (1, 0, 1, 0, 0), 1),
        ("viewing-iso.csv", (1, 0, 1, 0, 0), 1),
        ("viewing-german.csv", (2, 0, 2, 0, 0), 0),
        ("viewing-two-orders.csv", (2, 0, 2, 0, 0), 1),
    ],
)
def test_samples(name, expected, number_refused):
    parsed = read(NETFLIX / name)
    assert (parsed.format_name, counts(parsed), len(refused(parsed))) == (
        "Netflix viewing history",
        expected,
        number_refused,
    )
    assert {row.status for row in usable(parsed)} == {Status.WATCHED}
    assert_storable(parsed)


def test_order_of_dates_is_asked_if_nothing_tells_it(tmp_path):
    text = 'Title,Date\n"Infinite","10/11/24"\n"Meet Joe Black","9/8/23"\n"The Old Guard 2","7/6/21"\n'
    parsed = read_bytes(tmp_path, text)
    (question,) = parsed.questions
    assert (parsed.rows, question.name, question.default) == ((), DATE_ORDER, "")
    assert [option.label for option in question.options] == [
        "Day first: 10 Nov 2024, 9 Aug 2023, 7 Jun 2021",
        "Month first: 11 Oct 2024, 8 Sep 2023, 6 Jul 2021",
    ]
    answered = {order: read_bytes(tmp_path, text, answers={DATE_ORDER: order}) for order in (DAY_FIRST, MONTH_FIRST)}
    assert days(answered[DAY_FIRST]) == ["2024-11-10", "2023-08-09", "2021-06-07"]
    assert days(answered[MONTH_FIRST]) == ["2024-10-11", "2023-09-08", "2021-07-06"]
    assert [len(each.questions) for each in answered.values()] == [1, 1]


def test_date_with_both_orders_in_the_file_needs_a_decision(tmp_path):
    text = "Title,Date\nHeat,4/21/25\nRan,31/05/2025\nTenet,3/5/25\nPi,5/5/25\n"
    parsed = read_bytes(tmp_path, text)
    assert (days(parsed), undecided(parsed)) == (["2025-04-21", "2025-05-31", "2025-05-05"], ["Tenet"])
    assert "can be two dates" in parsed.rows[2].reason


def test_titles_with_a_colon_are_asked(tmp_path):
    text = "Title,Date\nMission: Impossible - Fallout,2025-01-02\nJohn Wick: Chapter 4,2025-01-03\nHeat,2025-01-04\n"
    parsed = read_bytes(tmp_path, text)
    (question,) = parsed.questions
    assert (question.name, question.default) == (WITH_COLON, LEAVE_OUT)
    assert question.text == "2 titles have a colon, so they can be movies or episodes of a series. Add them?"
    assert undecided(parsed) == ["Mission: Impossible - Fallout", "John Wick: Chapter 4"]
    assert len(usable(read_bytes(tmp_path, text, answers={WITH_COLON: ADD}))) == 3


@pytest.mark.parametrize(
    "title", ["Dark: Staffel 1: Geheimnisse", "Muted: Limited Series: Episode 2", " : Episode 7", "A: Part 2: The End"]
)
def test_episodes_are_refused(tmp_path, title):
    (row,) = read_bytes(tmp_path, f'Title,Date\n"{title}","2025-01-02"\n').rows
    assert (row.reason, row.needs_decision) == ("This is an episode of a series.", False)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("31/31/25", "“31/31/25” is not a date like 2009-07-14."), ("soon", "“soon” is not a date like 2009-07-14.")],
)
def test_other_dates_need_a_decision(tmp_path, typed, reason):
    (row,) = read_bytes(tmp_path, f"Title,Date\nHeat,{typed}\n").rows
    assert (row.reason, row.needs_decision) == (reason, True)


@pytest.mark.parametrize("year", ["0100", "1800", "2101", "9999"])
def test_impossible_year_is_not_asked_about_and_needs_a_decision(tmp_path, year):
    heat, ran = read_bytes(tmp_path, f'Title,Date\n"Heat","1/2/{year}"\n"Ran","31/2/{year}"\n').rows
    assert (heat.needs_decision, ran.needs_decision) == (True, True)
    parsed = read_bytes(tmp_path, f'Title,Date\n"Heat","1/2/{year}"\n"Ran","1/2/2020"\n')
    assert [option.label for option in parsed.questions[0].options] == [
        "Day first: 1 Feb 2020",
        "Month first: 2 Jan 2020",
    ]


def test_row_without_date_is_watched(tmp_path):
    heat, ran = read_bytes(tmp_path, "Date;Title\n;Heat\n2021.12.15;Ran\n").rows
    assert (heat.status, heat.viewings, ran.viewings) == (Status.WATCHED, [], [RowViewing("2021-12-15")])
