"""``README.txt``: what each file of an export is."""

README = """\
Your FlickList data
===================

flicklist.json
    Everything you entered, also the movies that you removed in the last
    thirty days. Keep this file as your backup. Programs can read it, and
    docs/flicklist.schema.json in the source of FlickList describes it.

watchlist.csv
    One row for each movie, on your watchlist or watched. Open it in a
    spreadsheet such as Excel or LibreOffice. Ratings are in stars, up to 5.

viewings.csv
    One row for each time you watched a movie, for a spreadsheet.

letterboxd-import-1.csv, letterboxd-import-2.csv, ...
    The movies you watched, for Letterboxd: open
    https://letterboxd.com/import/ and choose one file after the other.
    The notes on your viewings become reviews, which everybody can read.
    To keep them to yourself, delete the column "Review" first.

In both files for spreadsheets, an apostrophe (') stands before a text that
begins with =, +, - or @. Otherwise the spreadsheet would take the text for
a formula and run it.
"""
