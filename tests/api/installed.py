#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public interface as somebody gets it who installs it: headers, pkg-config, libraries, the example. CAPSA_BUILD
is a plain build (./dev build); CAPSA_VECTORS the folder of recorded vectors. Ends with "N passed, N failed, N skipped"."""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("CAPSA_BUILD", os.path.join(ROOT, "build")))
VECTORS = os.path.abspath(os.environ.get("CAPSA_VECTORS", os.path.join(ROOT, "../shared/vectors")) + "/attestation")
EXAMPLE = f"{ROOT}/examples/verify-quote/verify_quote.c"
ECHO = f"{ROOT}/examples/attested-echo/attested_echo.c"
HEADERS = ("attest", "capsa", "collateral", "evidence", "fetch", "ratls", "verify")
VECTOR, VECTOR_TIME = f"{VECTORS}/sgx_v3_swh_2025", "1756530546"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]


class Skip(Exception):
    pass


def run(*command, status=0, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == status, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Place:
    """Where it was installed to."""

    def __init__(self, room):
        self.room, self.root = room, f"{room}/root"
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", self.root)
        found = [folder for folder, _, files in os.walk(self.root) if "capsa.pc" in files]
        assert len(found) == 1, found
        self.pkgconfig = found[0]
        self.lib = os.path.dirname(found[0])
        self.include = [folder for folder, _, files in os.walk(self.root) if "verify.h" in files][0]

    def flags(self, package, *words):
        env = dict(os.environ, PKG_CONFIG_LIBDIR=self.pkgconfig, PKG_CONFIG_SYSROOT_DIR=self.root)
        return shlex.split(run("pkg-config", *words, package, env=env))

    def env(self):
        return dict(os.environ, LD_LIBRARY_PATH=self.lib)

    def run(self, program, *words, status=0):
        return run(program, *words, status=status, env=self.env())


def accepts(place, program):
    if not os.path.isdir(VECTORS):
        raise Skip(f"no recorded evidence at {VECTORS}")
    policy = f"{place.room}/policy.yaml"
    with open(policy, "w", encoding="utf-8") as file:
        file.write("accepted_tcb_statuses: [UpToDate, SWHardeningNeeded]\n")
    words = [f"{VECTOR}/quote.bin", f"{VECTOR}/collateral.json", policy]
    out = place.run(program, *words, VECTOR_TIME)
    assert out.startswith("accepted"), out
    assert "sgx.mr_enclave           measured  536e6e0d" in out, out
    assert place.run(program, *words, "4000000000", status=2).startswith("refused: "), "refused when it has expired"


def the_readmes_commands_work(place):
    for command in ("cc", "clang"):
        if shutil.which(command):
            run(command, *WARNINGS, EXAMPLE, "-o", f"{place.room}/{command}", *place.flags("capsa", "--cflags", "--libs"))
            accepts(place, f"{place.room}/{command}")


def the_smaller_library_is_enough_to_verify(place):
    run("cc", *WARNINGS, EXAMPLE, "-o", f"{place.room}/small", *place.flags("capsa-verify", "--cflags", "--libs"))
    accepts(place, f"{place.room}/small")


# ---- Channels: the attested echo --------------------------------------------------------------------------------------


class Echo:
    """Its server, on a simulated platform; stopped at the end by its own process."""

    def __init__(self, place, program):
        self.place, self.program, self.sim = place, program, f"{place.room}/{os.path.basename(program)}-sim"
        capsa = f"{BUILD}/src/programs/capsa"
        if not os.path.exists(capsa):
            raise Skip(f"no program at {capsa}")
        if "sim" not in run(capsa, "help"):
            raise Skip("this build has no simulation")
        run(capsa, "sim", "init", self.sim)
        self.code = run(capsa, "sim", "measure", program).split()[1]

    def __enter__(self):
        words = [self.program, "serve", "0", "sim-sgx", self.sim]
        self.server = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.place.env())
        said = self.server.stdout.readline()
        assert said.startswith("ready on port "), said
        self.port = said.split()[-1]
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.communicate(timeout=30)

    def ask(self, code, what, status=0):
        return self.ask_by(f"reference_values: [{{sgx: {{mr_enclave: {code}}}}}]\n", what, status)

    def ask_by(self, text, what, status):
        policy = f"{self.place.room}/echo.yaml"
        with open(policy, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([self.program, "ask", "localhost", self.port, policy, what, self.sim], capture_output=True, text=True,
                              timeout=60, env=self.place.env())
        assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout, done.stderr


def echoes(place, program):
    with Echo(place, program) as echo:
        for text in ("hello", "x" * 100000):
            out, said = echo.ask(echo.code, text)
            assert out == text + "\n", out[:100]
            assert said == f"sgx {echo.code}\n", said
        out, said = echo.ask("ab" * 32, "a secret", status=2)
        assert out == "" and said.startswith("connect: reference-values: "), (out, said)
        assert echo.server.stderr.readline().startswith("client: "), "the server hears of it too"
        out, said = echo.ask_by("platforms: [sgx]\n", "a secret", status=1)  # anybody's enclave would do
        assert out == "" and "identifies no code" in said, (out, said)
        assert echo.ask(echo.code, "again")[0] == "again\n"


def an_attested_echo_answers_who_asked_for_it(place):
    for command in ("cc", "clang"):
        if shutil.which(command):
            program = f"{place.room}/echo-{command}"
            run(command, *WARNINGS, ECHO, "-o", program, *place.flags("capsa", "--cflags", "--libs"))
            echoes(place, program)


def an_attested_echo_links_statically(place):
    program = f"{place.room}/echo-static"
    private = [word for word in place.flags("capsa", "--static", "--libs") if word not in ("-lcapsa",)]
    flags = ["-Wl,--as-needed", *place.flags("capsa", "--cflags")]
    run("cc", *WARNINGS, ECHO, *flags, f"{place.lib}/libcapsa.a", "-o", program, *private)
    loaded = run("ldd", program)
    for library in ("libcapsa", "libevent", "libcurl"):  # it fetches nothing
        assert library not in loaded, loaded
    echoes(place, program)


def nothing_of_a_server_is_loaded(place):
    """No event loop, no HTTP/2 server, no database: nothing of what only the manager needs."""
    needed = run("readelf", "-d", f"{place.lib}/libcapsa.so.0")
    for library in ("libevent", "libnghttp2", "libsqlite3", "libprotobuf-c"):
        assert library not in needed, needed


def the_static_library_needs_none_of_ours_to_run(place):
    program = f"{place.room}/static"
    private = [word for word in place.flags("capsa", "--static", "--libs") if word not in ("-lcapsa",)]
    run("cc", *WARNINGS, EXAMPLE, *place.flags("capsa", "--cflags"), f"{place.lib}/libcapsa.a", "-o", program, *private)
    assert "libcapsa" not in run("ldd", program)
    accepts(place, program)


def each_header_stands_alone_in_c99(place):
    for header in HEADERS:
        run("cc", "-std=c99", *WARNINGS, "-fsyntax-only", "-I", os.path.dirname(place.include), "-x", "c", "-",
            input=f"#include <capsa/{header}.h>\nint main(void) {{ return LIBCAPSA_OK; }}\n")


def each_header_is_cplusplus_and_links(place):
    if not shutil.which("g++"):
        raise Skip("no g++ here")
    for header in HEADERS:
        program = f"{place.room}/plus"
        run("g++", "-std=c++11", *WARNINGS, "-x", "c++", "-", "-o", program, *place.flags("capsa", "--cflags", "--libs"),
            input=f"#include <capsa/{header}.h>\nint main() {{ return libcapsa_version()[0] == '\\0'; }}\n")
        place.run(program)


def headers_include_nothing_of_ours_but_themselves(place):
    for header in HEADERS:
        for line in open(f"{place.include}/{header}.h", encoding="utf-8"):
            if line.startswith("#include"):
                assert line.split()[1] in ("<stddef.h>", "<stdint.h>", *(f'"{name}.h"' for name in HEADERS)), line


def no_more_is_installed_than_was_meant(place):
    found = sorted(os.path.relpath(f"{folder}/{name}", place.root) for folder, _, names in os.walk(place.root) for name in names)
    gramines = {os.path.basename(file) for file in found if "/capsa/gramine/" in file}  # by their own names, in a folder of their own
    assert gramines == {"gramine-ratls", "libmbedtls_gramine.so", "libra_tls_attest.so", "libra_tls_verify_dcap.so",
                        "libra_tls_verify_dcap_gramine.so"}, gramines
    files = [file for file in found if "/capsa/gramine/" not in file]
    names = sorted(os.path.basename(file) for file in files)
    wanted = [f"{header}.h" for header in HEADERS] + [
        "capsa.pc", "capsa-verify.pc", "libcapsa.a", "libcapsa.so", "libcapsa.so.0", "libcapsa-verify.so", "libcapsa-verify.so.0"]
    assert names == sorted(wanted), files


TESTS = [no_more_is_installed_than_was_meant, headers_include_nothing_of_ours_but_themselves, each_header_stands_alone_in_c99,
         each_header_is_cplusplus_and_links, the_readmes_commands_work, the_smaller_library_is_enough_to_verify,
         the_static_library_needs_none_of_ours_to_run, an_attested_echo_answers_who_asked_for_it, an_attested_echo_links_statically,
         nothing_of_a_server_is_loaded]


def main():
    count = dict(passed=0, failed=0, skipped=0)
    with tempfile.TemporaryDirectory() as room:
        place = Place(room)
        for test in TESTS:
            try:
                test(place)
                count["passed"] += 1
            except Skip as why:
                count["skipped"] += 1
                print(f"skipped {test.__name__}: {why}")
            except Exception:  # pylint: disable=broad-except
                count["failed"] += 1
                print(f"FAILED {test.__name__}")
                traceback.print_exc(file=sys.stdout)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**count))
    return 1 if count["failed"] else 0


sys.exit(main())
