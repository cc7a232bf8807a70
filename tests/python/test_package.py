#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package as others get it: a wheel in a fresh environment, its types, its names, its imports."""

import ast
import os
import re
import shutil
import subprocess
import sys
import venv

from python_scene import PACKAGE, ROOT, Skip, Suite, contains, equal, harness, holds, needs

import capsa

suite = Suite()


def sources():
    for folder, _, names in os.walk(os.path.join(PACKAGE, "capsa")):
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.join(folder, name)


@suite.plain_test
def the_wheel_is_pure_and_imports_in_a_fresh_environment():
    folder = harness.temporary_folder("wheel")
    copy = shutil.copytree(
        PACKAGE,
        folder + "/source",
        ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"),
    )
    status, out, errors = harness.run(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
        "--disable-pip-version-check", "-w", folder, copy,
    )  # fmt: skip
    if status != 0 and "bdist_wheel" in errors + out or "No module named" in errors:
        raise Skip("there is no setuptools with wheel here (tests/python/requirements.txt)")
    equal(status, 0, "pip wheel: " + errors)
    wheels = [name for name in os.listdir(folder) if name.endswith(".whl")]
    equal(wheels, ["capsa-%s-py3-none-any.whl" % capsa.__version__], "wheels")
    venv.create(folder + "/fresh", with_pip=False)
    python = folder + "/fresh/bin/python"
    status, out, errors = harness.run(
        sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index",
        "--disable-pip-version-check", folder + "/" + wheels[0],
    )  # fmt: skip
    equal(status, 0, "pip install: " + errors)
    program = (
        "import capsa, os, capsa.compat.gramine_ratls.verify, capsa.compat.gramine_ratls.attest\n"
        "print(capsa.__file__, capsa.library_version())\n"
        "assert os.path.exists(os.path.join(os.path.dirname(capsa.__file__), 'py.typed'))\n"
    )
    done = subprocess.run(
        [python, "-c", program],
        cwd=folder,
        env={"CAPSA_LIBRARY": os.environ["CAPSA_LIBRARY"], "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    equal(done.returncode, 0, "exit status: " + done.stderr)
    holds(done.stdout.startswith(folder + "/fresh/"), "another one was imported: " + done.stdout)
    contains(done.stdout, capsa.library_version())


@suite.plain_test
def every_type_holds_as_mypy_sees_it():
    needs("mypy")
    status, out, errors = harness.run(
        sys.executable, "-m", "mypy", "--cache-dir", harness.temporary_folder("mypy"), cwd=PACKAGE
    )
    equal(status, 0, "mypy: " + out + errors)


@suite.plain_test
def the_examples_types_hold_too():
    needs("mypy")
    needs("uvicorn")
    folder = os.path.join(ROOT, "examples", "private-session")
    for name in ("server.py", "client.py", "app.py"):
        status, out, errors = harness.run(
            sys.executable, "-m", "mypy", "--strict", "--cache-dir",
            harness.temporary_folder("mypy"), name, cwd=folder,
            env={**os.environ, "MYPYPATH": PACKAGE},
        )  # fmt: skip
        equal(status, 0, "mypy %s: %s" % (name, out + errors))


@suite.plain_test
def nothing_but_the_standard_library_is_imported_unasked():
    if not hasattr(sys, "stdlib_module_names"):
        raise Skip("this Python does not know what it brings along: 3.10 does")
    for path in sources():
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                optional = {"grpcio.py": "grpc", "adapters.py": "requests"}
                if top != optional.get(os.path.basename(path)):
                    holds(top in sys.stdlib_module_names, "%s imports %s" % (path, name))


@suite.plain_test
def nothing_is_left_out_when_python_optimizes():
    """With -O an assert is not there: what keeps bytes from a peer that nobody judged is none."""
    for path in sources():
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        found = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
        equal(found, [], "lines with assert in " + os.path.basename(path))


@suite.plain_test
def every_public_name_is_there_and_explained():
    for name in capsa.__all__:
        thing = getattr(capsa, name)
        told = thing.__doc__ or getattr(thing.__init__, "__doc__", None)
        holds(told and told != object.__init__.__doc__, "%s says nothing of itself" % name)
    for path in sources():
        with open(path, encoding="utf-8") as file:
            text = file.read()
        contains(text, "# SPDX-License-Identifier: Apache-2.0", '"""')
        holds(len(text.splitlines()) <= 500, path + " is too long")


@suite.plain_test
def the_oldest_python_that_is_promised_can_read_it():
    """By the grammar; other Pythons that are here also import it."""
    for path in sources():
        with open(path, encoding="utf-8") as file:
            ast.parse(file.read(), feature_version=(3, 9))
    found = [
        path
        for v in ("3.9", "3.10", "3.12", "3.13")
        for path in [shutil.which("python" + v)]
        if path
    ]
    for path in found:
        done = subprocess.run(
            [path, "-c", "import capsa; print(capsa.library_version())"],
            env={**os.environ, "PYTHONPATH": PACKAGE},
            capture_output=True,
            text=True,
        )
        if re.search("command not found|No such file", done.stderr):
            continue  # a name without a Python behind it
        equal((done.returncode, done.stderr), (0, ""), path)


if __name__ == "__main__":
    suite.main()
