"""The layers: which package may import which, and other rules of the architecture."""

import ast
import pkgutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyramid.authorization import DENY_ALL

import flicklist.models
import flicklist.services
from flicklist import resources
from flicklist.resources import AccountResource, Root, WatchlistResource

PACKAGE = Path(flicklist.__file__).parent
WITHOUT_PYRAMID = [
    module.name
    for package in (flicklist.models, flicklist.services)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
# flicklist/__init__.py has main() and needs Pyramid, so an empty package takes its place.
IMPORT_WITHOUT_PYRAMID = """
import importlib, sys, types
sys.modules["pyramid"] = None  # makes every import of it fail
sys.modules["flicklist"] = types.ModuleType("flicklist")
sys.modules["flicklist"].__path__ = [sys.argv[1]]
for module in sys.argv[2:]:
    importlib.import_module(module)
"""
# package: forbidden imports
FORBIDDEN = {
    "models": {"services", "resources", "security", "views", "forms"},
    "services": {"resources", "security", "views", "forms"},
    "resources": {"views", "forms"},
    "security": {"resources", "views"},
    "forms": {"resources", "security", "views"},
}


def imported(path):
    """Return the modules that a module imports, at the top or inside functions."""
    return imported_by(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported_by(nodes):
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def modules():
    """Return the modules of the application with their paths."""
    paths = [path for path in PACKAGE.rglob("*.py") if "alembic" not in path.parts]
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def test_layer_tests_find_the_modules():
    assert {"flicklist", "flicklist.models", "flicklist.services.watchlist", "flicklist.views.movie"} <= set(modules())
    assert {"flicklist.models.movie", "flicklist.services.changes"} <= set(WITHOUT_PYRAMID)


def test_models_and_services_can_be_imported_without_pyramid():
    command = [sys.executable, "-c", IMPORT_WITHOUT_PYRAMID, str(PACKAGE), *WITHOUT_PYRAMID]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_models_and_services_import_no_web_modules():
    for package in ("models", "services"):
        for path in (PACKAGE / package).rglob("*.py"):
            web = {name for name in imported(path) if name.split(".")[0] in {"pyramid", "webob", "zope"}}
            assert not web, path


def test_no_circular_imports():
    paths = modules()
    graph = {}
    for module, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        graph[module] = dependencies(tree.body, paths)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def dependencies(nodes, known):
    """Return the known modules that these statements import. ``from package import module`` imports the module."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            full_names = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in known else node.module for name in full_names}
    return found & set(known)


@pytest.mark.parametrize("package", FORBIDDEN)
def test_layers_import_only_lower_layers(package):
    for path in (PACKAGE / package).rglob("*.py"):
        assert not {layer_of(name) for name in imported(path)} & FORBIDDEN[package], path


def test_nothing_imports_views():
    for module, path in modules().items():
        if layer_of(module) != "views":
            assert "views" not in {layer_of(name) for name in imported(path)}, module


def layer_of(module):
    """Return ``views`` for ``flicklist.views.movie``, and an empty string for modules of other projects."""
    root, _, rest = module.partition(".")
    return rest.partition(".")[0] if root == "flicklist" else ""


WATCHLIST_VIEWS = ("__init__", "watchlist", "movie", "viewing", "changes", "imports", "suggestions")


@pytest.mark.parametrize("name", WATCHLIST_VIEWS)
def test_views_read_form_fields_through_forms(name):
    """Views may only pass ``request.POST`` to a form."""
    tree = ast.parse((PACKAGE / "views" / f"{name}.py").read_text(encoding="utf-8"))
    looked_into = [node.value for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Subscript))]
    assert "request.POST" not in {ast.unparse(value) for value in looked_into}


def test_every_acl_ends_with_deny_all():
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


def test_views_contain_no_sql(root):
    for path in (root / "flicklist" / "views").glob("*.py"):
        assert not {"sqlalchemy", "sqlalchemy.orm"} & set(imported(path)), path.name


def test_architecture_names_every_module_of_the_package(root):
    document = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [path.name for path in PACKAGE.glob("*.py") if f"    {path.name} " not in document] == []
