"""FlickList, with its default settings, but without rate limits."""

import os
from dataclasses import fields

from flicklist import main
from flicklist.settings import Settings

LIMITS = [
    field.name for field in fields(Settings) if field.name.startswith("rate_limit_") and field.default != "memory://"
]

app = main(
    {},
    **{
        "flicklist.database_url": os.environ["DATABASE_URL"],
        "flicklist.secret": "a secret that is long enough and used in benchmarks only, 0123456789",
        "flicklist.https": "false",
        **{f"flicklist.{name}": "" for name in LIMITS},
    },
)
