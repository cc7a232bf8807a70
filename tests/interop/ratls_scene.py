# SPDX-License-Identifier: Apache-2.0
"""The scene of the tests of attested TLS: a simulated platform with a policy for one program of it,
a service that sends back what it gets and counts it, `capsa ratls serve` and `proxy` as processes,
and TLS peers of Python whose every step can be taken by hand."""
import atexit
import json
import os
import re
import select
import selectors
import signal
import socket
import ssl
import subprocess
import threading
import time

from harness import CAPSA, PATIENCE, check_sanitizers, equal, holds, run, temporary_folder
from ratls_certs import Maker, pem

BOUND, BOUND_H2 = "capsa-ratls/1", "capsa-ratls/1+h2"


def until(condition, what, patience=PATIENCE):
    """Wait for something that another process does."""
    ends = time.monotonic() + patience
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError("did not happen in %s s: %s" % (patience, what() if callable(what) else what))
        select.select([], [], [], 0.02)


class Platform:
    """A simulated platform, a program on it, and the policy that pins this program."""

    def __init__(self):
        self.folder = temporary_folder("ratls")
        self.sim = self.path("sim")
        self.code = self.path("program")
        with open(self.code, "wb") as file:
            file.write(b"a program, which is measured and never run")
        self.capsa("sim", "init", self.sim)
        self.measured = json.loads(self.capsa("sim", "measure", self.code, "-o", "json"))
        self.policy = self.write_policy("policy.json", self.measured["mr_enclave"])
        self.other_policy = self.write_policy("other.json", "17" * 32)
        self.maker = Maker(self.folder, self.sim, self.code)
        self.proving = ["--platform", "sim-sgx", "--sim-dir", self.sim, "--sim-code", self.code]
        self.judging = self.judging_by(self.policy)

    def path(self, name):
        return os.path.join(self.folder, name)

    def judging_by(self, policy):
        return ["--policy", policy, "--sim-root", self.path("sim/root.pem"), "--collateral", self.path("sim/sgx")]

    def write_policy(self, name, mr_enclave):
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump({"reference_values": [{"sgx": {"mr_enclave": mr_enclave}}]}, file)
        return self.path(name)

    def capsa(self, *words, status=0):
        got, out, err = run(CAPSA, *words)
        equal(got, status, "status of capsa %s (%s)" % (" ".join(words[:3]), err[-600:]))
        return out

    def certificate(self, name, *words):
        """`capsa ratls cert`: the paths of certificate and key."""
        cert, key = self.path(name + ".crt"), self.path(name + ".key")
        self.capsa("ratls", "cert", *self.proving, "--out-cert", cert, "--out-key", key, *words)
        return cert, key


# ---- The service behind a tunnel ------------------------------------------------------------------


class Echo:
    """Sends back what it gets, and says goodbye when its client does. One thread, any number of
    connections. `connections` counts those that ever came, `open` those that are."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.connections, self.open, self.bytes = 0, 0, 0
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.waiting = {}  # of a connection: what is not sent yet, whether its client has ended
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            for key, events in self.selector.select():
                if key.fileobj is self.listener:
                    self._accept()
                else:
                    try:
                        self._move(key.fileobj, events)
                    except OSError:
                        self._forget(key.fileobj)

    def _accept(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        self.waiting[connection] = [b"", False]
        self.connections += 1
        self.open += 1
        self.selector.register(connection, selectors.EVENT_READ)

    def _move(self, connection, events):
        state = self.waiting[connection]
        if events & selectors.EVENT_READ:
            got = connection.recv(1 << 16)
            self.bytes += len(got)
            state[0] += got
            state[1] = state[1] or not got
        if state[0]:
            try:
                state[0] = state[0][connection.send(state[0]):]
            except BlockingIOError:
                pass
        if state[1] and not state[0]:
            self._forget(connection)
            return
        # What cannot be sent back is not read any further.
        wanted = (selectors.EVENT_WRITE if state[0] else 0) | (0 if state[1] or len(state[0]) > 1 << 20 else selectors.EVENT_READ)
        self.selector.modify(connection, wanted)

    def _forget(self, connection):
        self.selector.unregister(connection)
        del self.waiting[connection]
        self.open -= 1
        connection.close()


# ---- capsa ratls serve, proxy ---------------------------------------------------------------------


class Tunnel:
    """A running `capsa ratls serve` or `proxy`: its port, and what it says for people."""

    def __init__(self, verb, *words, target, listen="127.0.0.1:0", before=None):
        self.folder = temporary_folder("tunnel")
        self.errors_path = os.path.join(self.folder, "stderr")
        with open(self.errors_path, "wb") as errors:
            self.process = subprocess.Popen(
                [CAPSA, "ratls", verb, "--listen", listen, "--target", "127.0.0.1:%d" % target, *words],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, preexec_fn=before)
        atexit.register(self.kill)
        line = self._ready_line()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            self.kill()
            raise AssertionError("capsa ratls %s did not become ready: %r %s" % (verb, line, self.said()[-1500:]))
        self.port = int(found[1])

    def _ready_line(self):
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            return ""
        return self.process.stdout.readline().decode()

    def said(self):
        with open(self.errors_path, errors="replace") as errors:
            return errors.read()

    def says(self, *words, after=0):
        """Wait until a line (behind the first `after` characters) has all of the words; the line."""
        found = []

        def look():
            found[:] = [line for line in self.said()[after:].splitlines() if all(word in line for word in words)]
            return found

        until(look, lambda: "a line with %r in %r" % (words, self.said()[after:][-1500:]))
        return found[0]

    def memory_kib(self):
        with open("/proc/%d/status" % self.process.pid, encoding="utf-8") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def files(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        holds(self.alive(), "it had ended by itself: " + self.said()[-1500:])
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.process.stdout.close()
        check_sanitizers(self.said())
        equal(status, 0, "exit status (%s)" % self.said()[-500:])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.kill()
        else:
            self.stop()


# ---- TLS by hand ----------------------------------------------------------------------------------


def context_of(server, certificate=None, key=None, alpn=None, highest=ssl.TLSVersion.TLSv1_3, ask=False):
    """Python's TLS without any opinion of its own about certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # certificates that are signed with SHA-1 can be shown
    context.maximum_version = highest
    if certificate:
        context.load_cert_chain(certificate, key)
    if alpn:
        context.set_alpn_protocols([alpn])
    if ask:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class Closed(Exception):
    """The other side has ended the connection; the text says how."""


class Wire:
    """One end of a TLS connection whose bytes pass through our hands."""

    def __init__(self, connection, context, server=False):
        self.socket = connection
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server)

    @classmethod
    def to(cls, port, **settings):
        return cls(socket.create_connection(("127.0.0.1", port)), context_of(False, **settings))

    def outgoing_bytes(self):
        return self.outgoing.read()

    def flush(self):
        pending = self.outgoing.read()
        if pending:
            try:
                self.socket.sendall(pending)
            except OSError as error:
                raise Closed("sending: %s" % error) from error

    def pull(self):
        try:
            got = self.socket.recv(1 << 16)
        except (ConnectionError, TimeoutError) as error:
            raise Closed(str(error)) from error
        if not got:
            raise Closed("end of the stream")
        self.incoming.write(got)

    def _try(self, step):
        """Drive one step of TLS until it is done."""
        while True:
            try:
                done = step()
                self.flush()
                return done
            except ssl.SSLWantReadError:
                self.flush()
                self.pull()
            except ssl.SSLZeroReturnError as error:
                raise Closed("close_notify") from error
            except ssl.SSLError as error:
                try:
                    self.flush()  # the alert
                except Closed:
                    pass
                raise Closed(str(error)) from error

    def hello(self):
        """The first flight of a client, not sent yet."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def handshake(self):
        self._try(self.tls.do_handshake)
        return self

    def send(self, data):
        self._try(lambda: self.tls.write(data))

    def receive(self, count=1 << 16):
        """At least one byte, or Closed."""
        got = self._try(lambda: self.tls.read(count))
        if not got:  # Python's other word for TLS's close
            raise Closed("close_notify")
        return got

    def receive_all(self, count):
        got = b""
        while len(got) < count:
            got += self.receive(count - len(got))
        return got

    def drain(self):
        """Read to the end; how it ended."""
        try:
            while True:
                self.receive()
        except Closed as how:
            return str(how)

    def end(self):
        """TLS's close, as a polite one says it; the other direction goes on."""
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # the other side's has not come yet
        self.flush()

    def message(self):
        """The next message of a bound session: its type and content (PROTOCOL.md, section 10)."""
        first = self.receive_all(4)
        return first[0], self.receive_all(int.from_bytes(first[1:], "big"))

    def post(self, kind, content=b""):
        self.send(message(kind, content))

    def reset(self):
        """Away without a word, as a crash looks to the other side."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def close(self):
        self.socket.close()


EVIDENCE, NO_EVIDENCE, ACCEPTED, REFUSED = 1, 2, 3, 4


def message(kind, content=b""):
    return bytes([kind]) + len(content).to_bytes(3, "big") + content


def plain_talk(port, data):
    """Through a proxy: send, and what came back until it was as much or the stream was over. A reset is an end too, also one
    that is there before this process has seen that it is connected."""
    got = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
            plain.sendall(data)
            while len(got) < len(data):
                some = plain.recv(1 << 16)
                if not some:
                    break
                got += some
    except (ConnectionResetError, BrokenPipeError):
        pass
    return got


def echoes(wire, data=b"hello through the tunnel"):
    wire.send(data)
    equal(wire.receive_all(len(data)), data, "what came back")


class Impostor:
    """A TLS server that shows whatever certificate it is told to, and does what it is told to with
    each connection: `act(wire)`, in a thread of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.context, self.act, self.der = None, None, b""
        self.received = b""  # of any application, over all connections
        threading.Thread(target=self._run, daemon=True).start()

    def show(self, der, key, act=None, **settings):
        path = os.path.join(self.folder, "shown.pem")
        with open(path, "wb") as file:
            file.write(pem(der))
        self.context = context_of(True, path, key, **settings)
        self.act, self.der = act or self.listen, der
        self.received = b""

    def listen(self, wire):
        """A polite one: handshake, and take what comes."""
        wire.handshake()
        try:
            while True:
                self.received += wire.receive()
        except Closed:
            wire.end()

    def _run(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        try:
            self.act(Wire(connection, self.context, server=True))
        except (Closed, OSError):
            pass
        finally:
            connection.close()
