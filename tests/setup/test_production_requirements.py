"""What runs needs requirements.txt alone: nothing of it leans on a library that only tests and linters bring."""

import subprocess
import sys

from tests.databases import ROOT

ALONE = """
import importlib, importlib.machinery, importlib.metadata, pkgutil, re, sys

pinned = re.findall(r"^([A-Za-z0-9._-]+)(?:\\[.*?\\])?==", open("requirements.txt").read(), re.M)
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
allowed = {plain(name) for name in pinned}
foreign = {
    module for module, homes in importlib.metadata.packages_distributions().items()
    if not {plain(home) for home in homes} & allowed
} - {"pip", "setuptools", "_distutils_hack", "pkg_resources"}


find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name.partition(".")[0] in foreign else find(name, path, target)
)
import django
django.setup()
wrong = []
for floor in ("evidence", "remediation", "portal"):
    for found in pkgutil.walk_packages(importlib.import_module(floor).__path__, floor + "."):
        if found.name.startswith("portal.settings."):
            continue
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError as missing:
            wrong.append(f"{found.name}: {missing}")
print(len(foreign), "libraries hidden")
sys.exit("\\n".join(wrong) or 0)
"""


def test_every_module_loads_without_the_libraries_of_tests():
    words = [sys.executable, "-c", ALONE]
    told = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={
            "PATH": "/usr/bin:/bin", "DJANGO_SETTINGS_MODULE": "portal.settings.development",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0",
        },
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    assert int(told.stdout.split()[-3]) > 20
