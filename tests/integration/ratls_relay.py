#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The relay attack (tests/relay/relay.py) between real processes on a simulated platform: against
channels that are bound to their session it fails, either way; against plain RA-TLS it succeeds, and
against a challenge on top of plain RA-TLS it succeeds too, as docs/explanation/ra-tls.md says.
CAPSA_BIN is the folder of the programs. Ends with a line "N passed, N failed, N skipped"."""
import hashlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "interop"))

from harness import CAPSA, PATIENCE, Suite, check_sanitizers, contains, equal, holds, run, temporary_folder
from ratls_place import Place

suite = Suite()
test = suite.plain_test
RELAY = os.path.join(os.path.dirname(HERE), "relay", "relay.py")
NONCE = "6e6f626f64792077696c6c206775657373"


def place():
    return suite.shared("place", lambda: Place("instance", "job"))


class Running:
    """A program that has said that it is ready, and where."""

    def __init__(self, *words):
        self.errors = os.path.join(temporary_folder("running"), "stderr")
        self.lines = []
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                        stderr=open(self.errors, "wb"))
        ready = self.process.stdout.readline()
        found = re.search(r"ready: .*?127\.0\.0\.1:(\d+)", ready)
        holds(found, "it never was ready: %r %s" % (ready, self.stderr()))
        self.port = int(found.group(1))
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def stderr(self):
        with open(self.errors) as file:
            return file.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        check_sanitizers(self.stderr())

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.stop()


class Challenged:
    """A plain service of the genuine instance: attests the nonce that it is sent, then takes a secret."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.secrets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            try:
                with connection, connection.makefile("rw") as stream:
                    self.serve(stream)
            except OSError:
                pass  # a peer that was refused

    def serve(self, stream):
        for line in stream:
            word, _, rest = line.strip().partition(" ")
            if word == "attest":
                _, out, err = run(CAPSA, "attest", *place().proves("instance"), "--purpose", "challenge", "--bind-hex", rest)
                stream.write((out.replace("\n", "") or err) + "\n")
                stream.flush()
            else:
                self.secrets.append(rest)


def serve(service, *words):
    return Running(CAPSA, "ratls", "serve", "--listen", "127.0.0.1:0", "--target", "127.0.0.1:%d" % service.port,
                   *place().proves("instance"), *words)


def relay(server, *words, of="instance"):
    cert, key = place().files(of)
    return Running(sys.executable, RELAY, "--listen", "127.0.0.1:0", "--target", "127.0.0.1:%d" % server.port,
                   "--cert", cert, "--key", key, *words)


def connect(port, said, *words):
    """`capsa ratls connect`, given `said`: exit status, what came, its report."""
    done = subprocess.run([CAPSA, "ratls", "connect", "127.0.0.1:%d" % port, *place().judges("instance"), *words],
                          input=said, capture_output=True, text=True, timeout=PATIENCE)
    check_sanitizers(done.stderr)
    return done.returncode, done.stdout, done.stderr


def challenge():
    """What evidence of the purpose "challenge" binds (docs/explanation/PROTOCOL.md, section 9)."""
    parts = (b"capsa/1", b"challenge", bytes.fromhex(NONCE))
    return hashlib.sha512(b"".join(struct.pack(">I", len(part)) + part for part in parts)).hexdigest()


def collateral():
    return ["--collateral", os.path.join(place().path("sim"), "sgx")]


@test
def the_genuine_server_is_reached_without_a_relay():
    service = Challenged()
    with serve(service) as server:
        status, out, err = connect(server.port, "attest %s\n" % NONCE)
        equal(status, 0, "exit status (%s)" % err)
        contains(out, "b64_quote")


@test
def A26_a_relay_with_a_stolen_key_is_refused_by_its_client():
    service = Challenged()
    with serve(service) as server, relay(server) as between:
        status, out, err = connect(between.port, "secret of the data owner\n")
        equal(status, 3, "exit status (%s)" % err)
        contains(err, "session", "somebody may stand between")
        equal(out, "", "what came through")
        between.stop()
        seen = "".join(between.lines)
        contains(seen, "the client takes us for the instance", "b64_quote", "session")
        holds("data owner" not in seen, "the relay saw what was not for it: %s" % seen)
        equal(service.secrets, [], "what the service got")


@test
def A26_a_relay_with_both_keys_is_refused_too():
    service = Challenged()
    cert, key = place().files("job")
    with serve(service, "--policy", place().path("job.yaml"), "--sim-root", place().path("sim")) as server:
        status, out, err = connect(server.port, "attest %s\n" % NONCE, *place().proves("job"))
        equal(status, 0, "exit status without the relay (%s)" % err)
        with relay(server, "--client-cert", cert, "--client-key", key) as between:
            status, out, err = connect(between.port, "secret of the data owner\n", *place().proves("job"))
            equal(status, 3, "exit status (%s)" % err)
            contains(err, "session")
            between.stop()
            holds("data owner" not in "".join(between.lines), "the relay saw what was not for it")
        equal(service.secrets, [], "what the service got")


@test
def A26_plain_ra_tls_is_relayed():
    """The documented weakness: whoever reads this as a fault reads it right, and uses bound channels."""
    service = Challenged()
    with serve(service, "--insecure-unbound") as server, relay(server, "--unbound") as between:
        status, _, err = connect(between.port, "secret of the data owner\n", "--insecure-unbound", *collateral())
        equal(status, 0, "exit status (%s)" % err)
        between.stop()
        contains("".join(between.lines), "secret of the data owner")


@test
def A26_a_mere_challenge_is_relayed_too():
    """Fresh evidence of the right program over a nonce of one's own, and the relay still reads all."""
    service = Challenged()
    with serve(service, "--insecure-unbound") as server, relay(server, "--unbound") as between:
        status, out, err = connect(between.port, "attest %s\nsecret of the data owner\n" % NONCE, "--insecure-unbound",
                                   *collateral())
        equal(status, 0, "exit status (%s)" % err)
        answer = place().path("answer.json")
        with open(answer, "w") as file:
            file.write(out)
        status, _, err = run(CAPSA, "verify", "--evidence", answer, "--policy", place().path("instance.yaml"), "--root",
                             os.path.join(place().path("sim"), "root.pem"), *collateral(), "--report-data", challenge())
        equal(status, 0, "exit status of capsa verify: the answer to the challenge is genuine (%s)" % err)
        between.stop()
        contains("".join(between.lines), "secret of the data owner")


suite.main()
