# SPDX-License-Identifier: Apache-2.0
"""The published Python package gramine-ratls, unmodified, on our libraries in place of Gramine's: a
server that starts with a certificate of its (simulated) enclave, and a client that asks it nothing
before that certificate is as it should be.

The package is installed from tests/interop/gramine/requirements.txt; without it everything is
skipped. It finds the libraries by LD_LIBRARY_PATH. They are those of the build under test, with its
sanitizers.
"""

import json
import os
import re
import ssl
import subprocess
import sys
import threading

from harness import (
    CAPSA,
    PATIENCE,
    ROOT,
    Skip,
    Suite,
    check_sanitizers,
    contains,
    equal,
    holds,
    run,
    temporary_folder,
)

suite = Suite()
suite.needs("gramine_ratls")

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gramine", "peer.py")
BUILD = os.path.abspath(os.environ.get("CAPSA_BUILD") or os.path.join(ROOT, "build"))
LIBRARIES = os.path.join(BUILD, "integrations", "gramine")

NO_EVIDENCE, OTHER_KEY, REFUSED, BAD_INPUT = -0x2500, -0x2680, -0x2700, -0x2800


def sanitizer():
    """What has to be loaded before Python when the libraries were built with it."""
    library = os.path.join(LIBRARIES, "libra_tls_attest.so")
    out = subprocess.run(["ldd", library], capture_output=True, text=True).stdout
    found = re.search(r"lib(?:asan|tsan)\.so\S* => (\S+)", out)
    return found.group(1) if found else None


class Place:
    """A simulated platform, and a program of which it makes evidence."""

    def __init__(self):
        self.folder = temporary_folder("gramine")
        self.sim = os.path.join(self.folder, "sim")
        self.code = os.path.join(self.folder, "code")
        if run(CAPSA, "sim", "init", self.sim)[0] != 0:
            raise Skip("this build has no simulated platform")
        with open(self.code, "w") as file:
            file.write("a program that serves\n")
        status, text, errors = run(CAPSA, "sim", "measure", self.code, "--dir", self.sim, "-o", "json")
        equal(status, 0, "status of sim measure (%s)" % errors)
        document = json.loads(text)
        self.mr_enclave = document["mr_enclave"]
        self.mr_signer = document["mr_signer"]

    def stop(self):
        pass

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("RA_TLS_", "CAPSA_INS"))}
        env["LD_LIBRARY_PATH"] = LIBRARIES + ":" + os.path.join(BUILD, "src", "api")
        env["CAPSA_INSECURE_SIMULATION"] = self.sim
        env["CAPSA_INSECURE_SIMULATION_CODE"] = self.code
        preloaded = sanitizer()
        if preloaded:
            env["LD_PRELOAD"] = preloaded
            env["ASAN_OPTIONS"] = "detect_leaks=0"  # Python's own
        env.update(more)
        return {k: v for k, v in env.items() if v is not None}

    def peer(self, *words, **more):
        return run(sys.executable, PEER, *words, env=self.env(**more))

    def write(self, form="pem", name="crt", **more):
        """Key and certificate by the package: their paths."""
        key, cert = (os.path.join(self.folder, name + end) for end in (".key", ".crt"))
        status, _, errors = self.peer("write", key, cert, form, **more)
        equal(status, 0, "status of the writer (%s)" % errors[-1500:])
        contains(errors, "INSECURE: CAPSA_INSECURE_SIMULATION")
        return key, cert


class Serving:
    """peer.py serve, or any command that ends in it."""

    def __init__(self, place, command):
        self.errors = os.path.join(temporary_folder("server"), "stderr")
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                command, env=place.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self.asked = []
        self.more = threading.Condition()
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        with open(self.errors, errors="replace") as file:
            holds(line.startswith("port "), "the server did not start: " + file.read()[-1500:])
        self.url = "https://127.0.0.1:%d" % int(line.split()[1])
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.more:
                self.asked.append(line.strip())
                self.more.notify_all()

    def asked_until(self, line):
        """Everything that it was asked, up to and with this."""
        with self.more:
            holds(self.more.wait_for(lambda: line in self.asked, PATIENCE), "it was never " + line)
            return self.asked[: self.asked.index(line) + 1]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        with open(self.errors, errors="replace") as file:
            check_sanitizers(file.read())


def place():
    return suite.shared("the_place", Place)


def server():
    def start():
        key, cert = place().write()
        return Serving(place(), [sys.executable, PEER, "serve", key, cert])

    return suite.shared("the_server", start)


def ask(url, requests=(("GET", "", None),), env=(), **client):
    """The package's client: its answers, or its error's name and number."""
    wanted = {
        "mr_enclave": place().mr_enclave,
        "mr_signer": place().mr_signer,
        "isv_prod_id": None,
        "isv_svn": None,
        "allow_debug_enclave_insecure": False,
        "allow_outdated_tcb_insecure": False,
        "allow_hw_config_needed": False,
        "allow_sw_hardening_needed": False,
    }
    wanted.update(client)
    asked = json.dumps({"url": url, "client": wanted, "requests": requests})
    status, text, errors = place().peer("ask", asked, **dict(env))
    equal(status, 0, "status of the client (%s)" % errors[-1500:])
    return json.loads(text), errors


def refused(what, number, url, **client):
    got, errors = ask(url, **client)
    equal(got, {"error": "AttestationError", "arguments": [str(number)]}, what)
    holds("ra-tls: " in errors, what + ": nobody said why")
    return errors


# ---- The story --------------------------------------------------------------------------------


@suite.test
def a_client_of_the_package_gets_and_posts():
    requests = [["GET", "greet", None], ["POST", "turn", "abc"], ["GET", "again", None]]
    got, errors = ask(server().url, requests)
    equal(got, {"answers": [[200, "Hello World"], [200, "cba"], [200, "Hello World"]]}, "answers")
    equal(errors.count("INSECURE: "), 1, "how often the simulation was announced")


@suite.test
def either_measurement_is_enough_and_versions_are_a_minimum():
    for what in (
        {"mr_enclave": None},
        {"mr_signer": None},
        {"isv_prod_id": "1", "isv_svn": "1"},
        {"isv_svn": "0"},
        {"mr_enclave": place().mr_enclave.upper()},
    ):
        equal(ask(server().url, **what)[0], {"answers": [[200, "Hello World"]]}, str(what))


@suite.test
def another_program_is_asked_nothing():
    ask(server().url, [["GET", "before", None]])
    before = server().asked_until("asked GET /before")
    other = "ab" * 32
    contains(refused("another MRENCLAVE", REFUSED, server().url, mr_enclave=other), "(reference-values)")
    refused("another MRSIGNER", REFUSED, server().url, mr_signer=other)
    refused("another MRSIGNER alone", REFUSED, server().url, mr_signer=other, mr_enclave=None)
    refused("another product", REFUSED, server().url, isv_prod_id="2")
    refused("an older version", REFUSED, server().url, isv_svn="2")
    ask(server().url, [["GET", "after", None]])
    after = server().asked_until("asked GET /after")
    equal(after, before + ["asked GET /after"], "what the server was asked")


@suite.test
def values_that_mean_nothing_are_refused_and_not_taken_for_any():
    for value in ("ANY", "", "0x" + place().mr_enclave, place().mr_enclave[:-1], place().mr_enclave + "0"):
        contains(refused(value, BAD_INPUT, server().url, mr_enclave=value), "RA_TLS_MRENCLAVE")
    contains(refused("70000", BAD_INPUT, server().url, isv_prod_id="70000"), "RA_TLS_ISV_PROD_ID")
    # Of the package itself: without any measurement there is no client.
    got, _ = ask(server().url, mr_enclave=None, mr_signer=None)
    equal(got["error"], "TypeError", "no measurement at all")


@suite.test
def without_the_simulation_its_evidence_is_refused():
    empty = temporary_folder("empty")
    for env in (
        {"CAPSA_INSECURE_SIMULATION": None, "CAPSA_COLLATERAL_BUNDLE": place().sim + "/sgx"},
        {"CAPSA_INSECURE_SIMULATION": empty},
    ):
        got, errors = ask(server().url, env=env)
        equal(got.get("error"), "AttestationError", "without its root (%s)" % errors[-500:])
    status, _, errors = run(CAPSA, "sim", "init", empty + "/other")
    equal(status, 0, errors)
    got, errors = ask(server().url, env={"CAPSA_INSECURE_SIMULATION": empty + "/other"})
    equal(got.get("arguments"), [str(REFUSED)], "another platform's root (%s)" % errors[-500:])
    contains(errors, "(anchor)")


@suite.test
def a_server_without_evidence_is_refused():
    folder = temporary_folder("plain")
    key, cert = folder + "/key", folder + "/cert"
    status, _, errors = run(
        "openssl",
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-keyout", key, "-out", cert, "-subj", "/CN=RATLS", "-days", "1"),
    )
    equal(status, 0, errors)
    plain = Serving(place(), [sys.executable, PEER, "serve", key, cert])
    try:
        contains(refused("plain", NO_EVIDENCE, plain.url), "(certificate)")
        equal(plain.asked, [], "what the server was asked")
    finally:
        plain.stop()


# ---- Files ------------------------------------------------------------------------------------


@suite.test
def files_are_as_gramines_and_are_read_by_everybody():
    key, cert = place().write(name="files")
    with open(cert, "rb") as file:
        text = file.read()
    holds(text.startswith(b"-----BEGIN TRUSTED CERTIFICATE-----\n"), "the package's own label")
    equal((text.count(b"\0"), text[-1:]), (1, b"\0"), "NULs: one, at the end")
    with open(key, "rb") as file:
        holds(file.read().startswith(b"-----BEGIN EC PRIVATE KEY-----\n"), "the package's own label")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    status, text, errors = place().peer("parse", cert)
    equal((status, text and json.loads(text)), (0, {"code": 0, "text": "dice"}), "parsed (%s)" % errors)
    key, cert = place().write("der", name="der")
    status, text, errors = run("openssl", "x509", "-inform", "DER", "-in", cert, "-noout", "-pubkey")
    equal(status, 0, errors)
    status, own, errors = run("openssl", "pkey", "-inform", "DER", "-in", key, "-pubout")
    equal((status, own), (0, text), "public key (%s)" % errors)


@suite.test
def P24_a_certificate_lives_as_long_as_it_should():
    _, cert = place().write(name="life")
    equal(run("openssl", "x509", "-in", cert, "-noout", "-checkend", 363 * 86400)[0], 0, "363 days")
    equal(run("openssl", "x509", "-in", cert, "-noout", "-checkend", 365 * 86400)[0], 1, "a year")
    dates = {"RA_TLS_CERT_TIMESTAMP_NOT_BEFORE": "20010101000000", "RA_TLS_CERT_TIMESTAMP_NOT_AFTER": "20100101000000"}
    key, cert = place().write(name="over", **dates)
    over = Serving(place(), [sys.executable, PEER, "serve", key, cert])
    try:
        contains(refused("over", REFUSED, over.url), "(certificate-time)")
    finally:
        over.stop()


@suite.test
def the_command_starts_a_server_that_knows_nothing_of_evidence():
    folder = temporary_folder("command")
    cert, key = folder + "/cert", folder + "/key"  # the certificate first, unlike in Python
    command = [os.path.join(LIBRARIES, "gramine-ratls"), cert, key, "--"]
    started = Serving(place(), command + [sys.executable, PEER, "serve", key, cert])
    try:
        equal(os.stat(key).st_mode & 0o777, 0o600, "mode of the key")
        with open(cert, "rb") as file:
            holds(file.read().startswith(b"-----BEGIN CERTIFICATE-----\n"), "label")
        equal(ask(started.url)[0], {"answers": [[200, "Hello World"]]}, "answers")
    finally:
        started.stop()


# ---- Gramine's own files ----------------------------------------------------------------------

# In a mount namespace of its own, /dev has Gramine's files in it (tests/fakes/fake_gramine.c).
ENCLAVE = """
set -e
top=$1; sim=$2; fake=$3; shift 3
mount --make-rprivate /
mkdir "$top/dev"
mount --rbind /dev "$top/dev"
mount -t tmpfs none /dev
for node in null zero random urandom fuse; do : >"/dev/$node"; mount --bind "$top/dev/$node" "/dev/$node"; done
mkdir /dev/attestation
mkfifo "$top/ready"
"$fake" /dev/attestation "$sim" none >"$top/ready" &
server=$!
read ready <"$top/ready"
echo enclave is ready
"$@"
kill "$server"
wait "$server"
"""


@suite.test
def in_an_enclave_evidence_comes_from_gramines_files_and_no_simulation():
    fake = os.path.join(BUILD, "tests", "fakes", "fake_gramine")
    if not os.path.exists(fake):
        raise Skip("there is no %s: this build has no tests" % fake)
    top = temporary_folder("enclave")
    key, cert = top + "/key", top + "/cert"
    command = ["unshare", "-m", "sh", "-c", ENCLAVE, "enclave", top, place().sim, fake]
    env = place().env(CAPSA_INSECURE_SIMULATION=None, CAPSA_INSECURE_SIMULATION_CODE=None)
    status, text, errors = run(*command, sys.executable, PEER, "write", key, cert, "pem", env=env)
    if "enclave is ready" not in text:
        raise Skip("this user cannot fake Gramine's files: " + errors.strip()[-200:])
    equal((status, "INSECURE" in errors), (0, False), "status of the writer (%s)" % errors[-1500:])
    serving = Serving(place(), [sys.executable, PEER, "serve", key, cert])
    try:
        fakes = "e1" * 32
        equal(
            ask(serving.url, mr_enclave=fakes, mr_signer=None)[0],
            {"answers": [[200, "Hello World"]]},
            "answers",
        )
        refused("another program", REFUSED, serving.url, mr_signer=None)
    finally:
        serving.stop()


if __name__ == "__main__":
    suite.main()
