"""Every row of any upload is accounted for, and the promise of imports holds.

Import; import again: nothing changes. Take the import back: nothing remains.
"""

from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flicklist.film_facts import FilmFacts
from flicklist.models import ImportRow, Movie, User, Viewing
from flicklist.models.movie_import import Outcome
from flicklist.services.imports import attempt, storage
from flicklist.services.imports.rows import ParsedUpload, Row, RowViewing, Status, UnusableRow

# Few values, so that rows are often about the same movie.
TITLES = ["Heat", "heat", "HEAT ", "Ran", "", "x" * 201, "\u200b", "Heat (1995)", "🎬"]
YEARS = [None, 1995, 1985, 1700]
DAYS = [None, "2024-03-02", "2024-03-03", "2009", "2009-07", "2024-02-30", "2999-01-01", "no date"]
TIMES = [None, datetime(2024, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)]
facts = st.builds(
    FilmFacts,
    directors=st.sampled_from(["", "Michael Mann", "d" * 701]),
    runtime=st.sampled_from([None, 170, -1]),
    genres=st.sampled_from(["", "crime, drama"]),
    countries=st.just(""),
    imdb_id=st.sampled_from(["", "", "tt0113277", "tt0089881", "nm1"]),
    tmdb_id=st.sampled_from([None, None, 949, 11645, -1]),
    letterboxd_uri=st.sampled_from(
        ["", "", "https://boxd.it/a", "https://boxd.it/b", "https://letterboxd.com/film/a/"]
    ),
    original_title=st.sampled_from(["", "", "Hitze", "Ran"]),
)
viewings = st.lists(
    st.builds(RowViewing, st.sampled_from(DAYS), st.sampled_from(["", "", "Loud", "y" * 999, "z" * 4000])), max_size=3
)
# A format has either only complete rows or none.
rows = st.builds(
    Row,
    file=st.just("a.csv"),
    line=st.integers(1, 9),
    title=st.sampled_from(TITLES),
    year=st.sampled_from(YEARS),
    facts=facts,
    status=st.sampled_from([None, *Status]),
    rating=st.sampled_from([None, None, 1, 9, 11]),
    viewings=viewings,
    tags=st.lists(st.sampled_from(["liked", "Liked", "a, b", "x" * 41, ",", *map(str, range(25))]), max_size=15),
    why=st.sampled_from(["", "", "Ann", "w" * 301]),
    notes=st.sampled_from(["", "", "Long", "n" * 4990, "n" * 5001]),
    added_at=st.sampled_from(TIMES),
    watched_at=st.sampled_from(TIMES),
    removed_at=st.none(),
    remark=st.sampled_from(["", "Rounded."]),
    is_complete=st.just(False),
)
unusable = st.builds(UnusableRow, st.just("a.csv"), st.just(1), st.text(max_size=5), st.just("No."), st.booleans())


@pytest.mark.parametrize("is_complete", [False, True], ids=["usual", "complete"])
def test_any_rows_keep_the_promise(engine, app, work_on_imports, monkeypatch, is_complete):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(uploaded=st.lists(st.one_of(rows, rows, rows, unusable), max_size=8), others=st.lists(rows, max_size=3))
    def check(uploaded, others):
        if is_complete:
            uploaded = [replace(row, is_complete=True) if isinstance(row, Row) else row for row in uploaded]
        with Session(engine) as db:
            owner_id = new_owner(db)
            if others:
                run(db, owner_id, others)
            before = content(db, owner_id)
            first = run(db, owner_id, uploaded)
            after = content(db, owner_id)
            run(db, owner_id, uploaded)
            assert content(db, owner_id) == after
            assert sum(first.counts.get(outcome, 0) for outcome in Outcome) == len(uploaded)
            assert db.scalar(select(func.count()).where(ImportRow.import_id == first.id)) == len(uploaded)
            storage.begin_taking_back(first)
            db.commit()
            assert work_on_imports() == 1
            assert content(db, owner_id) == before

    def run(db, owner_id, uploaded):
        monkeypatch.setattr(attempt, "read_upload", lambda *_, **__: ParsedUpload("any", uploaded))
        movie_import = storage.store(db, owner_id, "any", BytesIO())
        db.commit()
        assert work_on_imports() == 1
        db.refresh(movie_import)
        storage.confirm(movie_import)
        db.commit()
        assert work_on_imports() == 1
        db.refresh(movie_import)
        assert movie_import.state == "finished"
        return movie_import

    check()


def new_owner(db):
    number = db.scalar(select(func.max(User.id))) or 0
    owner = User(email=f"{number}@b.example", email_key=f"{number}@b.example", password_hash="x")
    db.add(owner)
    db.commit()
    return owner.id


def content(db, owner_id):
    """Return all columns of the movies and viewings of a person."""
    db.rollback()
    tables = Movie.__table__, Viewing.__table__
    movies = db.execute(select(tables[0]).where(tables[0].c.owner_id == owner_id).order_by("id")).all()
    own = tables[1].c.movie_id.in_([movie.id for movie in movies])
    return movies, db.execute(select(tables[1]).where(own).order_by("id")).all()
