"""Export: all data of a person in one ZIP file. `archive` writes it, and each kind of file has a module."""
