"""The metadata in setup.py, the pinned dependencies, the vendored files, the source distribution, and CI."""

import ast
import hashlib
import os
import re
import subprocess
import sys
import tarfile

import pytest

from tests.faults.conftest import skip_outside_ci

NOT_DISTRIBUTED = {"node_modules", "__pycache__", "catalog.sqlite", ".venv", ".data"}


def test_readme_names_the_python_versions_of_setup(root):
    setup = (root / "setup.py").read_text(encoding="utf-8")
    readme = (root / "README.md").read_text(encoding="utf-8")
    versions = re.findall(r"Programming Language :: Python :: (3\.\d+)", setup)
    assert versions
    (sentence,) = re.findall(r"The tests pass on Python (.*?)\.\n", readme)
    assert re.findall(r"3\.\d+", sentence) == versions


def locked(path):
    """Return the hashes of each package and version in a file of `make constraints`."""
    text = re.sub(r"(?m)^ *#.*\n", "", path.read_text(encoding="utf-8")).replace("\\\n", " ")
    requirement = r"([a-z0-9-]+)==(\S+)(?: ; .*?)?((?: +--hash=sha256:[0-9a-f]{64})+) *"
    lines = [re.fullmatch(requirement, line) for line in text.splitlines()]
    assert all(lines)
    return {(line[1], line[2]): frozenset(line[3].split()) for line in lines}


def normalized(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def requirements(root):
    """Return the packages that setup.py requires, and those that its extras require."""
    tree = ast.parse((root / "setup.py").read_text(encoding="utf-8"))
    (call,) = (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup"
    )
    given = {each.arg: each.value for each in call.keywords}
    return ast.literal_eval(given["install_requires"]), ast.literal_eval(given["extras_require"])


def test_every_dependency_is_locked_with_hashes(root):
    site, development = locked(root / "constraints.txt"), locked(root / "constraints-development.txt")
    required, extras = requirements(root)
    at_run_time = [*required, *extras["postgresql"], *extras["redis"], *extras["processes"]]
    assert {normalized(each) for each in at_run_time} <= {name for name, _ in site}
    assert {normalized(each) for extra in extras.values() for each in extra} <= {name for name, _ in development}
    assert site.items() <= development.items()


def test_make_installs_only_what_has_a_hash(root):
    make = ["make", "--dry-run", "--always-make", "test", "VENV=/nowhere"]
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    printed = subprocess.run(make, cwd=root, env=outside_make, capture_output=True, text=True, check=True).stdout
    installs = re.findall(r"pip install .*", printed)
    assert len(installs) == 3
    assert all("--require-hashes" in install or "--no-deps --no-build-isolation" in install for install in installs)


def test_vendored_files_have_the_recorded_digests(root):
    folder = root / "flicklist" / "static" / "vendor"
    recorded = dict(
        re.findall(r"\| `(\S+)` \| `([0-9a-f]{64})` \|", (folder / "README.md").read_text(encoding="utf-8"))
    )
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    del files["README.md"]
    assert recorded == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


@pytest.fixture
def sdist(root, tmp_path):
    """The names of the files in the source distribution."""
    build = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", tmp_path, "sdist", "--dist-dir", tmp_path]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        return {name.partition("/")[2] for name in files.getnames()}


def test_source_distribution_contains_what_its_tests_need(root, sdist):
    folders = [root / name for name in (".ci", "benchmarks", "docs", "flicklist", "tests")]
    needed = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    needed += [path for path in root.glob("[!.]*") if path.suffix in {".ini", ".md", ".txt", ".toml", ".py"}]
    needed += [root / "Makefile", root / "LICENSE"]
    names = {str(path.relative_to(root)) for path in needed if not NOT_DISTRIBUTED & set(path.parts)}
    assert len(names) > 200
    assert names - sdist == set()
    assert not [name for name in sdist if NOT_DISTRIBUTED & set(name.split("/"))]


def test_faults_that_cannot_be_injected_are_skipped_outside_ci_only(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no disk"):
        skip_outside_ci("no disk")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no disk"):
        skip_outside_ci("no disk")


def test_ci_installs_what_moves_the_clock_and_skips_no_fault(root):
    script = (root / ".ci" / "run").read_text(encoding="utf-8")
    installs, _, faults = script.rpartition("\nmake test-faults\n")
    assert faults
    assert "needed+=(libfaketime)" in installs
    assert "export CI=true" in installs
