"""The metadata of FlickList. Tool settings are in pyproject.toml, tested versions in constraints.txt."""

import sys
from pathlib import Path
from types import ModuleType

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithCatalog(build_py):
    """Also builds the catalog of films: in the build, or for an editable install beside the source."""

    def run(self) -> None:
        super().run()
        folder = (ROOT if self.editable_mode else Path(self.build_lib)) / "flicklist" / "data"
        # The package itself imports Pyramid, which is not installed yet, so an empty package takes its place.
        sys.modules["flicklist"] = package = ModuleType("flicklist")
        package.__path__ = [str(ROOT / "flicklist")]
        from flicklist.services import catalog  # noqa: PLC0415

        catalog.build(catalog.all_films(), folder / catalog.DEFAULT_PATH.name)


setup(
    name="flicklist",
    version="1.0.0.dev0",
    description="A movie watchlist you own: a Pyramid application with traversal-based security",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    classifiers=[
        # The tests pass on these versions. .ci/run tests those that are installed.
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["flicklist", "flicklist.*"]),
    include_package_data=True,
    zip_safe=False,
    cmdclass={"build_py": BuildWithCatalog},
    install_requires=[
        "alembic",
        "bcrypt>=5",
        "beautifulsoup4>=4.13",  # the first release with types
        "click",
        "email-validator",
        "itsdangerous>=2.2",
        "Jinja2>=3.1.6",
        "limits>=5",
        "markdown-it-py>=3",
        "multipart>=2",
        "plaster",
        "plaster_pastedeploy",
        "pyotp>=2.9",
        "pyramid>=2.1",
        "pyramid_jinja2",
        "pyramid_retry",
        "pyramid_tm",
        "regex",
        "segno>=1.6",
        # Pyramid 2.1 imports pkg_resources. From 80.9 on, setuptools prints a warning about that at every start.
        # Releases before 78.1.1 have a path traversal (CVE-2025-47273).
        "setuptools>=78.1.1,<80.9",
        "SQLAlchemy>=2.1",
        "tzdata",  # for systems without a time zone database
        "ua-parser>=1",
        "waitress>=3.0.1",
        "WebOb>=1.8.11",
        "WTForms",
        "zope.sqlalchemy",
        "zxcvbn",
    ],
    extras_require={
        "postgresql": ["psycopg[binary]>=3"],
        "redis": ["redis>=5"],
        "processes": ["granian>=2"],
        "testing": ["aiosmtpd", "hypothesis", "jsonschema", "pytest", "pytest-xdist", "trustme", "WebTest"],
        "browser": ["playwright"],
        "dev": ["djlint", "mypy", "ruff", "types-regex", "types-WebOb", "types-WTForms"],
    },
    entry_points={
        "paste.app_factory": ["main = flicklist:main"],
        "paste.server_factory": ["main = flicklist.server:make_server"],
        "plaster.wsgi_loader_factory": ["utf8ini = flicklist.ini_files:Loader"],
        "console_scripts": ["flicklist = flicklist.cli:flicklist"],
    },
)
