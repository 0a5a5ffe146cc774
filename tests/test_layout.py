"""Where things are: rules that no reader should have to remember."""

import ast
from types import SimpleNamespace

from pyramid.authorization import DENY_ALL

from flicklist import resources
from flicklist.resources import AccountResource, Root, WatchlistResource

WIRING: set[str] = set()


def imported(path):
    """Return the modules that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_no_table_knows_the_web(root):
    tables = [path for path in (root / "flicklist" / "models").glob("*.py") if path.name not in WIRING]
    assert tables
    for path in tables:
        web = {name for name in imported(path) if name.split(".")[0] in {"pyramid", "webob", "zope"}}
        assert not web, path.name


def test_every_access_control_list_ends_by_denying_the_rest():
    request = SimpleNamespace()
    site = Root(request)
    lists = {
        Root: site,
        AccountResource: AccountResource(site, "account"),
        WatchlistResource: WatchlistResource(site, "x" * 22, 1),
    }
    kinds = [getattr(resources, name) for name in resources.__all__]
    assert {kind for kind in kinds if isinstance(kind, type) and "__acl__" in vars(kind)} == set(lists)
    for resource in lists.values():
        assert resource.__acl__()[-1] == DENY_ALL


def test_no_view_makes_a_statement_of_its_own(root):
    for path in (root / "flicklist" / "views").glob("*.py"):
        assert not {"sqlalchemy", "sqlalchemy.orm"} & set(imported(path)), path.name
