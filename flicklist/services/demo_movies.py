"""The movies of the demo account."""

from typing import NamedTuple


class DemoMovie(NamedTuple):
    """A movie to watch, or one that was watched if it has viewings.

    `rating` is in half-stars. `viewings` are dates as in `flicklist.models.Viewing`, each with a note.
    """

    title: str
    year: int
    why: str = ""
    notes: str = ""
    rating: int | None = None
    viewings: tuple[tuple[str | None, str], ...] = ()


# The order in which they were added.
MOVIES = (
    DemoMovie("Casablanca", 1942, rating=10, viewings=(("2009", ""), ("2023-02-14", "At the Filmhouse, in 35 mm."))),
    DemoMovie("Citizen Kane", 1941, rating=8, viewings=((None, "Long ago, on television."),)),
    DemoMovie("Singin' in the Rain", 1952, rating=9, viewings=(("2012-12", ""),)),
    DemoMovie("Tokyo Story", 1953, why="Everybody who has seen it says to call your parents afterwards."),
    DemoMovie("Roman Holiday", 1953, rating=8, viewings=(("2019-08-03", "On the plane home from Rome."),)),
    DemoMovie("Rear Window", 1954, rating=9, viewings=(("2015", ""), ("2020-04-11", ""))),
    DemoMovie("Seven Samurai", 1954, why="Three and a half hours: for a rainy Sunday."),
    DemoMovie("La Strada", 1954),
    DemoMovie(
        "12 Angry Men",
        1957,
        why="Priya used it in her negotiation class.",
        notes=(
            "One room, one afternoon, and it never drags.\n\n"
            "Watch how the camera moves lower and the lenses get longer as the afternoon goes on."
        ),
        rating=10,
        viewings=(("2021-11-06", ""),),
    ),
    DemoMovie("The Seventh Seal", 1957, why="To get the jokes about playing chess with Death."),
    DemoMovie("Vertigo", 1958, rating=7, viewings=(("2016-03", ""),)),
    DemoMovie("Some Like It Hot", 1959, rating=9, viewings=(("2018-12-31", "Nobody's perfect!"),)),
    DemoMovie("The 400 Blows", 1959),
    DemoMovie("The Apartment", 1960, why="A Christmas movie that is not about Christmas."),
    DemoMovie("Psycho", 1960, viewings=(("2011-10-31", ""),)),
    DemoMovie("Lawrence of Arabia", 1962, why="Wait until it plays on a really big screen."),
    DemoMovie("Cléo from 5 to 7", 1962, why="Recommended by Léa, with “The Gleaners and I”."),
    DemoMovie("8½", 1963),
    DemoMovie("2001: A Space Odyssey", 1968, rating=9, viewings=(("2018", "The 50th anniversary print."),)),
    DemoMovie("The Godfather", 1972, rating=10, viewings=((None, ""), ("2014-01", ""), ("2022-03-24", ""))),
    DemoMovie("The Conversation", 1974, why="Made between the first two Godfathers."),
    DemoMovie("Jaws", 1975, rating=8, viewings=(("2017-07-15", "Outdoors, by the lake. Nobody swam afterwards."),)),
    DemoMovie("Alien", 1979, rating=9, viewings=(("2019-04-26", ""),)),
    DemoMovie("Stalker", 1979, why="Read “Roadside Picnic” first."),
    DemoMovie("Blade Runner", 1982, rating=7, viewings=(("2007-12", "The Final Cut."),)),
    DemoMovie("Back to the Future", 1985, rating=9, viewings=(("1999", ""), ("2015-10-21", "On the day!"))),
    DemoMovie("My Neighbor Totoro", 1988, rating=10, viewings=(("2020-05-02", "With Mia, who wants a Catbus now."),)),
    DemoMovie("Cinema Paradiso", 1988, why="For the last five minutes, they say."),
    DemoMovie("Do the Right Thing", 1989),
    DemoMovie("Groundhog Day", 1993, rating=9, viewings=(("2021-02-02", ""), ("2022-02-02", ""), ("2023-02-02", ""))),
    DemoMovie("Chungking Express", 1994, why="From the director of “In the Mood for Love”."),
    DemoMovie("Heat", 1995, rating=7, viewings=(("2010", ""),)),
    DemoMovie("Fargo", 1996, rating=8, viewings=(("2013-01", ""),)),
    DemoMovie("The Big Lebowski", 1998, viewings=((None, ""),)),
    DemoMovie("The Matrix", 1999, rating=8, viewings=(("1999-06", "Sold out twice before we got in."),)),
    DemoMovie(
        "In the Mood for Love",
        2000,
        notes="The corridor, the noodles, the dresses. Find the soundtrack.",
        rating=10,
        viewings=(("2024-02-10", ""),),
    ),
    DemoMovie("Yi Yi", 2000),
    DemoMovie("Amélie", 2001, rating=6, viewings=(("2002", ""),)),
    DemoMovie("Memories of Murder", 2003, why="Bong Joon-ho, before “Parasite”."),
    DemoMovie("Eternal Sunshine of the Spotless Mind", 2004, rating=8, viewings=(("2008-05", ""),)),
    DemoMovie("Ratatouille", 2007, rating=9, viewings=(("2020-05-09", "With Mia. We cooked afterwards."),)),
    DemoMovie("Whiplash", 2014, why="Ben, who plays the drums, refuses to see it."),
)
