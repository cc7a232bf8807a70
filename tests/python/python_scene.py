# SPDX-License-Identifier: Apache-2.0
"""What the tests of the Python package stand on: the package and the library that is tested, a
simulated platform, and servers that write down every byte they are sent.

From the environment: CAPSA_LIBRARY (libcapsa.so.0 of a build without sanitizers), and what
tests/interop/harness.py reads.
"""

import contextlib
import functools
import json
import os
import socket
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.join(ROOT, "bindings", "python")
sys.path[:0] = [PACKAGE, os.path.join(ROOT, "tests", "interop")]
os.environ.setdefault("CAPSA_LIBRARY", os.path.join(ROOT, "build", "src", "api", "libcapsa.so.0"))

import harness  # noqa: E402
from harness import CAPSA, PATIENCE, VECTORS, Skip, Suite, contains, equal, holds  # noqa: E402,F401

import capsa  # noqa: E402

WRONG = "5a" * 32  # a measurement that nothing has

# A recorded SGX quote with its collateral, and a moment at which both are good.
QUOTE = os.path.join(VECTORS, "attestation", "sgx_v3_swh_2025")
QUOTE_TIME = 1756530546


def read(path):
    if not os.path.exists(path):
        raise Skip("there is no %s" % path)
    with open(path, "rb") as file:
        return file.read()


def needs(module):
    """The module, or the test is skipped."""
    try:
        return __import__(module)
    except ImportError as error:
        raise Skip("%s is not installed (tests/python/requirements.txt): %s" % (module, error))


def raises(kind, call, *words):
    """The exception that `call` has to raise, whose text has to say the words."""
    try:
        got = call()
    except kind as error:
        contains(str(error), *words)
        return error
    raise AssertionError("%s was not raised; it returned %r" % (kind, got))


@functools.lru_cache(maxsize=None)
def platform():
    """The folder of a simulated platform."""
    folder = os.path.join(harness.temporary_folder("platform"), "sim")
    status, _, errors = harness.run(CAPSA, "sim", "init", folder)
    if status != 0:
        raise Skip("this build has no simulation: " + errors)
    return folder


@functools.lru_cache(maxsize=None)
def measured(path=os.path.abspath(__file__)):
    """What the simulated platform measures of a file."""
    status, out, errors = harness.run(CAPSA, "sim", "measure", path, "-o", "json")
    equal(status, 0, "exit status of capsa sim measure (%s)" % errors)
    return json.loads(out)["mr_enclave"]


def identity(**more):
    """Of this file as the program, on the simulated platform."""
    more.setdefault("code", os.path.abspath(__file__))
    return capsa.Identity("sim-sgx", simulation=platform(), **more)


def verifier(mr_enclave=None, **more):
    """Accepts what identity() makes; with another measurement it does not."""
    policy = capsa.Policy.sgx(mr_enclave=mr_enclave or measured())
    return capsa.Verifier(policy, insecure_simulation=platform(), **more)


def connected():
    """Two ends of a TCP connection."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
    return here, there


def in_thread(work):
    """Run `work` in a thread; the function that is returned waits for it and gives its result."""
    outcome = []

    def run():
        try:
            outcome.append((work(), None))
        except BaseException as error:  # pylint: disable=broad-except
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def wait():
        thread.join(PATIENCE)
        holds(outcome, "the other thread does not end")
        result, error = outcome[0]
        if error is not None:
            raise error
        return result

    return wait


class WebServer:
    """HTTPS on Python's own ssl: answers with what it was asked, as JSON, and keeps all that it reads.

    `received` is every byte of every connection; `handshakes` counts them; `failures` are the
    handshakes that failed."""

    def __init__(self, context):
        self.context = context
        self.received, self.handshakes, self.failures = b"", 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = "https://127.0.0.1:%d" % self.port
        self.threads, self.lock = [], threading.Lock()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            with self.lock:
                self.threads.append(thread)
            thread.start()

    def _serve(self, plain):
        plain.settimeout(PATIENCE)
        with plain:
            try:
                wrapped = self.context.wrap_socket(plain, server_side=True)
            except OSError as error:
                with self.lock:
                    self.failures.append(error)
                return
            with self.lock:
                self.handshakes += 1
            with wrapped, contextlib.suppress(OSError):
                while self._answer(wrapped):
                    pass

    def _answer(self, wrapped):
        request = b""
        while True:
            part = wrapped.recv(65536)
            with self.lock:
                self.received += part
            request += part
            head, end, body = request.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in lines[1:])
            }
            if end and len(body) >= int(headers.get("content-length", 0)):
                break
            if not part:
                return False
        answer = json.dumps(
            {"line": lines[0], "headers": headers, "body": body.decode("latin-1")}
        ).encode()
        wrapped.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (len(answer), answer)
        )
        return headers.get("connection", "").lower() != "close"

    def settled(self):
        """Wait until whoever came has gone again."""
        ends = time.monotonic() + PATIENCE
        while True:
            with self.lock:
                waiting = [thread for thread in self.threads if thread.is_alive()]
            if not waiting:
                return
            waiting[0].join(max(0.0, ends - time.monotonic()))
            holds(time.monotonic() < ends, "a connection to the server is still open")

    def was_told_nothing(self, handshakes=1):
        """A handshake took place, and not one byte of an application came through it."""
        self.settled()
        equal(self.received, b"", "what the server received")
        equal(self.handshakes + len(self.failures), handshakes, "handshakes of the server")

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_why):
        self.stop()


@contextlib.contextmanager
def environment(**values):
    """Variables of the environment while a block runs; None: without it."""
    before = {name: os.environ.get(name) for name in values}
    try:
        for name, value in values.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
