"""The metadata in setup.py."""

import re


def test_readme_names_the_python_versions_of_setup(root):
    setup = (root / "setup.py").read_text(encoding="utf-8")
    readme = (root / "README.md").read_text(encoding="utf-8")
    versions = re.findall(r"Programming Language :: Python :: (3\.\d+)", setup)
    assert versions
    (sentence,) = re.findall(r"The tests pass on Python (.*?)\.\n", readme)
    assert re.findall(r"3\.\d+", sentence) == versions
