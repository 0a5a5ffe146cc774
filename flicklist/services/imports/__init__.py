"""Import: movies from the files of FlickList and other sites. `rows` is what every format produces."""
