"""Reading an export: the files of the ZIP, and the data of ``flicklist.json``, which is checked with its schema."""

import csv
import json
from io import BytesIO, StringIO
from pathlib import Path
from zipfile import ZipFile

from jsonschema import Draft202012Validator

SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "flicklist.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


class Export:
    """The files of an export by name, and the data of its JSON file."""

    def __init__(self, archive):
        assert archive.testzip() is None
        self.entries = archive.infolist()
        self.files = {entry.filename: archive.read(entry) for entry in self.entries}
        self.data = json.loads(self.files["flicklist.json"])

    def rows(self, name):
        """Return the rows of a CSV file, as a program reads it that knows of the byte order mark."""
        return list(csv.DictReader(StringIO(self.files[name].decode("utf-8-sig"), newline=""), strict=True))


def read_export(body):
    """Return the export in the bytes of a ZIP. Fails if its JSON file does not match the schema."""
    export = Export(ZipFile(BytesIO(body)))
    VALIDATOR.validate(export.data)
    return export
