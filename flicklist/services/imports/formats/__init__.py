"""The formats of other sites, and FlickList's own. Each module has one, named `FORMAT`."""
