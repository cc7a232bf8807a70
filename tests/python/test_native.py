#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of _native.py is what the headers in include/capsa/ declare, and what the library exports."""

import ctypes
import os
import re
import subprocess
import sys

from python_scene import ROOT, Suite, equal, holds

import capsa
from capsa import _native, errors

suite = Suite()

DECLARATION = re.compile(r"LIBCAPSA_API\s+(.*?)\blibcapsa_(\w+)\s*\(([^;]*)\)\s*;", re.S)
SCALARS = {
    "int": ctypes.c_int,
    "unsigned": ctypes.c_uint,
    "size_t": ctypes.c_size_t,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "uint32_t": ctypes.c_uint32,
    "void": None,
}


def declared():
    """name: (result, [arguments]), each as the C type without its name."""
    found = {}
    folder = os.path.join(ROOT, "include", "capsa")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
        text = re.sub(r"^#.*$", "", text, flags=re.M)
        for result, function, arguments in DECLARATION.findall(text):
            listed = [" ".join(one.split()) for one in arguments.split(",")]
            found[function] = (
                " ".join(result.split()),
                [] if listed == ["void"] else [kind(one) for one in listed],
            )
    return found


def kind(argument):
    """The type of an argument: "const char *path" to "const char *"."""
    array = re.fullmatch(r"(.*?)\b\w+\[\w+\]", argument)
    if array:
        return array[1].strip() + " *"
    return re.sub(r"(\*|\s)\s*\w+$", r"\1", argument).strip()


def ctype_of(wanted, out):
    """What ctypes has to say for a type of C; `out`: an argument, whose `type **` is written to."""
    if wanted in SCALARS:
        return SCALARS[wanted]
    if wanted == "const char *":
        return ctypes.c_char_p
    if wanted == "libcapsa_getter":
        return _native.GETTER
    if wanted == "const libcapsa_bytes *":
        return _native.FIELDS
    if wanted == "size_t *":
        return _native.OUT_SIZE
    if wanted.endswith("**"):
        return _native.OUT if out else None
    if wanted.endswith("*"):
        return ctypes.c_void_p
    raise AssertionError("what is %r?" % wanted)


@suite.plain_test
def every_function_is_declared_as_the_headers_declare_it():
    headers = declared()
    holds(len(headers) > 100, "only %d declarations were found" % len(headers))
    for name, (result, arguments) in _native.FUNCTIONS.items():
        holds(name in headers, "no header has libcapsa_%s" % name)
        c_result, c_arguments = headers[name]
        equal(len(arguments), len(c_arguments), "number of arguments of " + name)
        holds(
            result is ctype_of(c_result, False),
            "the result of %s is %r in C" % (name, c_result),
        )
        for index, (one, c_one) in enumerate(zip(arguments, c_arguments)):
            holds(
                one is ctype_of(c_one, True),
                "argument %d of %s is %r in C, and %r here" % (index, name, c_one, one),
            )


@suite.plain_test
def every_function_is_in_the_library():
    library = ctypes.CDLL(os.environ["CAPSA_LIBRARY"])
    for name in _native.FUNCTIONS:
        holds(hasattr(library, "libcapsa_" + name), "the library has no libcapsa_" + name)


@suite.plain_test
def a_place_for_errors_is_the_last_argument_wherever_it_is_filled():
    for name, (result, arguments) in declared().items():
        if name in _native.FUNCTIONS and "libcapsa_error *" in arguments and result == "int":
            equal(arguments[-1], "libcapsa_error *", "last argument of " + name)


@suite.plain_test
def every_code_of_a_refusal_has_its_exception_and_unknown_ones_are_errors():
    for code, kind in (
        (-200, capsa.PolicyRefused),
        (-207, capsa.EvidenceRefused),
        (-208, capsa.TcbRefused),
    ):
        holds(type(errors.of_code(code, "x", "y")) is kind, "%d is no %s" % (code, kind))
        equal(
            _native.text(_native.functions.code_name(code)),
            {-200: "DENIED", -207: "EVIDENCE", -208: "TCB"}[code],
            "name of the code",
        )
    unknown = errors.of_code(-999, "what is this")
    holds(type(unknown) is capsa.CapsaError and unknown.code == -999, "an unknown code is lost")


@suite.plain_test
def without_the_library_the_import_says_what_is_missing_and_how_to_name_it():
    for named, words in (
        ("/nowhere/libcapsa.so.0", "CAPSA_LIBRARY names it"),
        (None, "is not set"),
    ):
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.path.join(ROOT, "bindings", "python")}
        if named:
            env["CAPSA_LIBRARY"] = named
        done = subprocess.run(
            [sys.executable, "-c", "import capsa"], env=env, capture_output=True, text=True
        )
        if named is None and done.returncode == 0:
            continue  # it is installed on this machine
        equal(done.returncode, 1, "exit status")
        last = done.stderr.strip().splitlines()[-1]
        holds(last.startswith("ImportError: capsa needs the library"), last)
        holds("libcapsa.so.0" in last and words in last, last)


@suite.plain_test
def the_library_that_only_verifies_verifies_and_names_what_it_lacks():
    small = os.path.join(os.path.dirname(os.environ["CAPSA_LIBRARY"]), "libcapsa-verify.so.0")
    holds(os.path.exists(small), "there is no " + small)
    program = (
        "import capsa\n"
        "capsa.Verifier(capsa.Policy.sgx(mr_enclave='5a' * 32))\n"
        "try: capsa.Source()\n"
        "except capsa.Unsupported as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "CAPSA_LIBRARY": small,
            "PYTHONPATH": os.path.join(ROOT, "bindings/python"),
        },
        capture_output=True,
        text=True,
    )
    equal(done.returncode, 0, "exit status (%s)" % done.stderr)
    holds("has no libcapsa_source_new" in done.stdout, done.stdout)


if __name__ == "__main__":
    suite.main()
