#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""capsa ratls serve, proxy and connect on a simulated platform: streams that go through whole, or
break for both; peers that are refused, or stall at each step; and the clients and servers of others
(openssl, Python's ssl). CAPSA_BIN is the folder of the programs; CAPSA_FULL=1 adds 10,000 idle
connections. Ends with a line "N passed, N failed, N skipped"."""
import hashlib
import json
import os
import re
import resource
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import CAPSA, FULL, PATIENCE, Suite, check_sanitizers, contains, equal, holds, run, temporary_folder
from ratls_place import Place

suite = Suite()
test = suite.plain_test
FLOOD = 64 << 20
CHUNK = 1 << 16


def place():
    return suite.shared("place", lambda: Place("code", "other"))


class Service:
    """A plain TCP service: echoes, and after the peer's end says how much it heard and ends."""

    def __init__(self, handle=None, backlog=1024):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.socket.getsockname()[1]
        self.handle = handle or self.echo
        self.came = 0
        self.found = []  # what a handler returned, in order
        self.changed = threading.Condition()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            found = self.handle(connection)
        except OSError as error:
            found = error
        with self.changed:
            self.found.append(found)
            self.changed.notify_all()
        connection.close()

    def wait_found(self, count=1):
        with self.changed:
            holds(self.changed.wait_for(lambda: len(self.found) >= count, PATIENCE), "the service heard no end")
            return self.found[count - 1]

    @staticmethod
    def echo(connection):
        heard = 0
        while True:
            data = connection.recv(CHUNK)
            if not data:
                break
            heard += len(data)
            connection.sendall(data)
        connection.sendall(b"END %d\n" % heard)
        return heard

    def stop(self):
        self.socket.close()


class Tunnel:
    """One `capsa ratls serve` or `proxy` that is ready."""

    def __init__(self, verb, target, *words, listen="127.0.0.1:0"):
        self.errors = os.path.join(temporary_folder(verb), "stderr")
        self.process = subprocess.Popen(
            [CAPSA, "ratls", verb, "--listen", listen, "--target", "127.0.0.1:%d" % target, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(self.errors, "wb"), text=True,
            env=dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"))
        self.ready = self.process.stdout.readline()
        found = re.search(r"capsa: ready: \S+ \S+:(\d+) to ", self.ready)
        if not found:
            raise AssertionError("it never was ready: %r %s" % (self.ready, self.stderr()))
        self.port = int(found.group(1))

    def stderr(self):
        with open(self.errors) as file:
            return file.read()

    def wait_for(self, text, count=1):
        """There is no event for a file that grows; whoever asks again has slept no time."""
        ends = time.monotonic() + PATIENCE
        while self.stderr().count(text) < count:
            holds(time.monotonic() < ends and self.process.poll() is None, "it never said %r: %s" % (text, self.stderr()))
            os.sched_yield()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def memory(self):
        with open("/proc/%d/statm" % self.process.pid) as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, status=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        equal(self.process.wait(PATIENCE), status, "exit status (%s)" % self.stderr())
        self.process.stdout.close()
        check_sanitizers(self.stderr())

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()


def serve(service, *words, code="code"):
    return Tunnel("serve", service.port, *place().proves(code), *words)


def proxy(server, *words, policy="code", **options):
    return Tunnel("proxy", server.port, *place().judges(policy), *words, **options)


def read_all(connection):
    parts = []
    while True:
        data = connection.recv(CHUNK)
        if not data:
            return b"".join(parts)
        parts.append(data)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def is_reset(action):
    try:
        action()
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


# ---- Streams ----------------------------------------------------------------------------------


@test
def bytes_go_both_ways_as_they_were_and_each_direction_ends_for_itself():
    service = Service()
    with serve(service) as server, proxy(server) as way:
        connection = way.connect()
        block = os.urandom(1 << 20)
        sent, got = hashlib.sha256(), hashlib.sha256()

        def send():
            for i in range(FLOOD >> 20):
                connection.sendall(block[i:] + block[:i])
                sent.update(block[i:] + block[:i])
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        left = FLOOD
        while left > 0:
            data = connection.recv(min(CHUNK, left))
            holds(data, "the stream ended %d bytes early" % left)
            got.update(data)
            left -= len(data)
        sender.join()
        equal(got.hexdigest(), sent.hexdigest(), "what came back")
        equal(read_all(connection), b"END %d\n" % FLOOD, "what was said behind our end")
        way.wait_for("ended id=1 ")
        server.wait_for("ended id=1 ")
        contains(way.stderr(), "joined id=1 ", "proved=sgx", "tcb=UpToDate", "bound=session", "why=over in=%d" % FLOOD)


@test
def a_service_that_ends_first_hears_the_rest():
    def end_first(connection):
        connection.sendall(b"that is all\n")
        connection.shutdown(socket.SHUT_WR)
        return read_all(connection)

    service = Service(end_first)
    with serve(service) as server, proxy(server) as way:
        connection = way.connect()
        equal(read_all(connection), b"that is all\n", "what was said")
        connection.sendall(b"x" * 100000)
        connection.shutdown(socket.SHUT_WR)
        equal(service.wait_found(), b"x" * 100000, "what the service heard behind its end")


@test
def a_stream_that_breaks_breaks_for_the_other_too():
    service = Service()
    with serve(service) as server, proxy(server) as way:
        connection = way.connect()
        connection.sendall(b"hello")
        equal(connection.recv(5), b"hello", "the echo")
        reset(connection)
        holds(isinstance(service.wait_found(), ConnectionResetError), "the service took a part for the whole")
        way.wait_for("why=\"the connection was reset\"")

    def break_off(connection):
        connection.sendall(b"a part")
        connection.recv(1)
        reset(connection)

    service = Service(break_off)
    with serve(service) as server, proxy(server) as way:
        connection = way.connect()
        equal(connection.recv(100), b"a part", "what was said")
        connection.sendall(b"x")
        holds(is_reset(lambda: read_all(connection)), "the client took a part for the whole")


@test
def a_tls_stream_that_is_cut_is_no_end():
    """Whoever sits on the way can end a TCP stream."""
    service = Service(read_all)
    with serve(service, "--insecure-unbound") as server:
        connection = unbound_client().wrap_socket(server.connect())
        connection.sendall(b"transfer 10")
        plain = connection.detach()  # closed without a word of TLS
        os.close(plain)
        holds(isinstance(service.wait_found(), ConnectionResetError), "the service took a part for the whole")
        server.wait_for("without a TLS close")


@test
def a_service_that_is_not_there_is_told():
    gone = socket.create_server(("127.0.0.1", 0))
    port = gone.getsockname()[1]
    gone.close()
    with Tunnel("serve", port, *place().proves("code")) as server, proxy(server) as way:
        holds(is_reset(lambda: read_all(way.connect())), "the client took nothing for an answer")
        server.wait_for("cannot connect to 127.0.0.1:%d: Connection refused" % port)


@test
def a_peer_that_reads_nothing_makes_the_other_wait():
    service = Service()
    with serve(service) as server, proxy(server) as way:
        connection = way.connect()
        connection.setblocking(False)
        before = way.memory() + server.memory()
        sent, stuck = 0, 0
        while stuck < 3 and sent < 8 * FLOOD:
            try:
                sent += connection.send(b"x" * CHUNK)
            except BlockingIOError:
                stuck = stuck + 1 if not select.select([], [connection], [], 1)[1] else 0
        holds(sent < 2 * FLOOD, "it took %d bytes that nobody reads" % sent)
        grown = way.memory() + server.memory() - before
        holds(grown < 64 << 20, "it grew by %d bytes" % grown)
        connection.setblocking(True)
        left = sent
        while left > 0:
            left -= len(connection.recv(min(CHUNK, left)))
        connection.shutdown(socket.SHUT_WR)
        equal(read_all(connection), b"END %d\n" % sent, "the end")


# ---- Who is refused ---------------------------------------------------------------------------


@test
def a_server_that_is_another_program_is_refused():
    service = Service()
    with serve(service) as server, proxy(server, policy="other") as way:
        holds(is_reset(lambda: read_all(way.connect())), "the client was connected")
        way.wait_for("refused id=1 ")
        contains(way.stderr(), "check=reference-values", "mr_enclave")
        server.wait_for("failed id=1 ")
        equal(service.came, 0, "calls of the service")


@test
def clients_prove_themselves_where_a_policy_asks_for_it():
    service = Service()
    with serve(service, *place().judges("other")) as server:
        with proxy(server, *place().proves("other")) as way:
            connection = way.connect()
            connection.sendall(b"hello")
            equal(connection.recv(5), b"hello", "the echo")
            connection.shutdown(socket.SHUT_WR)
            equal(read_all(connection), b"END 5\n", "the end")
            server.wait_for("proved=sgx")
        equal(service.came, 1, "calls of the service")
        with proxy(server, *place().proves("code")) as way:
            holds(is_reset(lambda: read_all(way.connect())), "another program was connected")
            server.wait_for("check=reference-values")
        with proxy(server) as way:
            holds(is_reset(lambda: read_all(way.connect())), "who proves nothing was connected")
        equal(service.came, 1, "calls of the service")


@test
def a_bound_end_has_no_weaker_one():
    """Neither end falls back to plain RA-TLS."""
    service = Service()
    with serve(service, "--insecure-unbound") as server, proxy(server) as way:
        holds(is_reset(lambda: read_all(way.connect())), "a bound client took an unbound server")
        way.wait_for("failed id=1 ")
        contains(server.stderr(), "--insecure-unbound")
    bound = Service()
    with serve(bound) as server, proxy(server, "--insecure-unbound") as way:
        holds(is_reset(lambda: read_all(way.connect())), "a bound server took an unbound client")
        contains(way.stderr(), "--insecure-unbound")
        status, _, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % server.port, *place().judges("code"),
                             "--insecure-unbound", "--report")
        holds(status != 0, "an unbound command was let in")
        contains(err, "no application protocol", "leave out --insecure-unbound")
    equal(bound.came, 0, "calls of the bound service")


# ---- Stalls -----------------------------------------------------------------------------------


def wait_for_end(connection):
    """Of any kind. What it says of itself before, nobody asked for."""
    try:
        read_all(connection)
    except OSError:
        pass


@test
def who_stalls_at_any_step_is_cut_off_in_time():
    service = Service()
    with serve(service, "--handshake-seconds", "1", "--evidence-seconds", "1") as server:
        silent = server.connect()
        half = server.connect()
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        for connection in (silent, half):
            wait_for_end(connection)
        server.wait_for("the TLS handshake took too long", 2)
        context = unbound_client()
        context.set_alpn_protocols(["capsa-ratls/1"])
        shaken = context.wrap_socket(server.connect())
        equal(shaken.selected_alpn_protocol(), "capsa-ratls/1", "ALPN")
        wait_for_end(shaken)
        server.wait_for("took too long", 3)
        slow = context.wrap_socket(server.connect())
        slow.sendall(b"\x01\x00\x10")  # a message that never comes
        wait_for_end(slow)
        server.wait_for("took too long", 4)
        equal(service.came, 0, "calls of the service")
    deaf = socket.create_server(("127.0.0.1", 0))
    with Tunnel("proxy", deaf.getsockname()[1], *place().judges("code"), "--connect-seconds", "1") as way:
        holds(is_reset(lambda: read_all(way.connect())), "the client took nothing for an answer")
        way.wait_for("took too long")
    deaf.close()


@test
def idle_connections_end_where_that_is_wanted():
    service = Service()
    with serve(service, "--idle-seconds", "1") as server, proxy(server) as way:
        connection = way.connect()
        connection.sendall(b"hello")
        equal(connection.recv(5), b"hello", "the echo")
        holds(is_reset(lambda: read_all(connection)), "the client took it for an end")
        server.wait_for("nothing moved for too long")
        holds(not isinstance(service.wait_found(), int), "the service took it for an end")


# ---- Signals ----------------------------------------------------------------------------------


def report(server, *words, status=0):
    got, out, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % server.port, *place().judges("code"), "--report",
                        "-o", "json", *words)
    equal(got, status, "exit status of capsa ratls connect (%s)" % err)
    return json.loads(out)


@test
def a_hangup_renews_the_key_and_reads_the_policy_again():
    place().write("changing.yaml", open(place().path("other.yaml")).read())
    service = Service()
    with serve(service, *place().judges("changing")) as server, proxy(server, *place().proves("other")) as way:
        connection = way.connect()
        connection.sendall(b"hello")
        equal(connection.recv(5), b"hello", "the echo")
        first = report(server, *place().proves("other"))["certificate"]["spki_sha256"]
        place().write("changing.yaml", open(place().path("code.yaml")).read())
        server.signal(signal.SIGHUP)
        server.wait_for("renewed ")
        server.wait_for("reloaded ")
        second = report(server, *place().proves("code"))["certificate"]["spki_sha256"]
        holds(first != second, "the key is the same")
        holds(is_reset(lambda: read_all(way.connect())), "who was allowed before is so still")
        place().write("changing.yaml", "reference_values: nonsense\n")
        server.signal(signal.SIGHUP)
        server.wait_for("reloaded ", 2)
        contains(server.stderr(), "ERROR")
        report(server, *place().proves("code"))  # the policy from before
        connection.sendall(b"still")
        equal(connection.recv(5), b"still", "the echo of a connection from before")
        connection.close()


@test
def a_stop_lets_go_on_what_is_joined():
    service = Service()
    with serve(service) as server, proxy(server) as way:
        connection = way.connect()
        connection.sendall(b"hello")
        equal(connection.recv(5), b"hello", "the echo")
        server.signal(signal.SIGTERM)
        server.wait_for("stopping connections=1")
        holds(is_reset(lambda: read_all(way.connect())), "it still accepts")
        connection.sendall(b"still")
        equal(connection.recv(5), b"still", "the echo")
        connection.shutdown(socket.SHUT_WR)
        equal(read_all(connection), b"END 10\n", "the end")
        equal(server.process.wait(PATIENCE), 0, "exit status")


# ---- connect ----------------------------------------------------------------------------------


@test
def connect_is_the_stream_and_says_what_was_proved():
    service = Service()
    with serve(service) as server:
        where = ["ratls", "connect", "127.0.0.1:%d" % server.port]
        text = "hello\n" * 50000
        status, out, err = run(CAPSA, *where, *place().judges("code"), stdin=text)
        equal(status, 0, "exit status (%s)" % err)
        equal(out, text + "END %d\n" % len(text), "what came back")
        contains(err, "accepted", "made for this very session", "mr_enclave")
        found = report(server)
        equal(found["verdict"], "accept", "verdict")
        equal(found["certificate"]["session_bound"], True, "session_bound")
        status, out, err = run(CAPSA, *where, *place().judges("other"), stdin="hello\n")
        equal(status, 2, "exit status")
        equal(out, "", "output of a refused peer")
        contains(err, "refused: reference-values")
        status, out, err = run(CAPSA, *where, *place().judges("other"), "--report")
        equal(status, 2, "exit status")
        contains(out, "refused: reference-values")
        for words in (["-o", "json"] + place().judges("code"), [], ["--tls12"] + place().judges("code"),
                      ["--sim-root", place().path("sim")], ["--key", "p256"] + place().judges("code")):
            status, _, err = run(CAPSA, *where, *words)
            equal(status, 1, "exit status of %r (%s)" % (words, err))
    status, _, err = run(CAPSA, *where, *place().judges("code"))
    equal(status, 5, "exit status with nobody there")
    contains(err, "Connection refused")


@test
def what_is_insecure_is_announced_at_the_start():
    service = Service()
    with serve(service) as server, proxy(server, listen="0.0.0.0:0") as way:
        contains(way.stderr(), "whoever reaches it")
        equal(server.stderr(), "", "what is said of nothing insecure")
    with serve(service, "--insecure-unbound", "--insecure-unpinned-peer", "--sim-root", place().path("sim")) as server:
        contains(server.stderr(), "--insecure-unbound", "--insecure-unpinned-peer")


# ---- Clients and servers of others --------------------------------------------------------------


def unbound_client():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@test
def pythons_tls_ends_its_direction_and_reads_on():
    service = Service()
    with serve(service, "--insecure-unbound", "--tls12") as server:
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            context = unbound_client()
            context.maximum_version = version
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing)
            connection = server.connect()

            def pump(action):
                while True:
                    try:
                        return action()
                    except ssl.SSLWantReadError:
                        connection.sendall(outgoing.read())
                        data = connection.recv(CHUNK)
                        holds(data, "TCP ended before TLS did")
                        incoming.write(data)
                    finally:
                        connection.sendall(outgoing.read())

            pump(tls.do_handshake)
            pump(lambda: tls.write(b"hello"))
            try:
                tls.unwrap()
            except ssl.SSLWantReadError:
                pass
            connection.sendall(outgoing.read())
            got = b""
            while not got.endswith(b"END 5\n"):
                got += pump(lambda: tls.read(CHUNK))
            equal(got, b"helloEND 5\n", "what came behind our end")
            connection.close()


@test
def openssl_speaks_with_what_is_unbound():
    def greet(connection):
        connection.sendall(b"good day\n")
        return connection.recv(100)

    service = Service(greet)
    for number, words, flags in ((1, ["--tls12"], ["-tls1_2"]), (2, [], ["-tls1_3"])):
        with serve(service, "--insecure-unbound", *words) as server:
            done = subprocess.run(["openssl", "s_client", "-quiet", "-ign_eof", *flags, "-connect", "127.0.0.1:%d" % server.port],
                                  input=b"and to you\n", capture_output=True, timeout=PATIENCE)
            equal(done.stdout, b"good day\n", "what s_client heard (%s)" % done.stderr)
            equal(service.wait_found(number), b"and to you\n", "what the service heard")
    with serve(service) as server:
        done = subprocess.run(["openssl", "s_client", "-quiet", "-connect", "127.0.0.1:%d" % server.port],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        holds(done.returncode != 0, "s_client speaks with a bound server")


@test
def connect_speaks_with_openssls_server():
    port = socket.create_server(("127.0.0.1", 0))
    number = port.getsockname()[1]
    port.close()
    server = subprocess.Popen(["openssl", "s_server", "-quiet", "-rev", "-accept", "127.0.0.1:%d" % number, "-cert",
                               place().path("code.crt"), "-key", place().path("code.key")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ends = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", number)).close()
                break
            except ConnectionRefusedError:
                holds(time.monotonic() < ends, "s_server never listened")
        status, out, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % number, *place().judges("code"),
                               "--insecure-unbound", stdin="hello\n")
        contains(err, "accepted")
        equal(out, "olleh\n", "what s_server answered (%d: %s)" % (status, err))
    finally:
        server.kill()
        server.wait()


# ---- Many -------------------------------------------------------------------------------------


@test
def thousands_of_idle_connections_cost_little():
    count = 10000 if FULL else 300
    wanted = 2 * count + 200  # here, and in each tunnel: both ends of every connection
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        count = (hard - 200) // 2
        if count < 300:
            raise Skip("%d open files are not allowed here, only %d" % (wanted, hard))
    held = []
    release = threading.Event()
    service = socket.create_server(("127.0.0.1", 0), backlog=1024)

    def accept():
        for _ in range(count + 1):
            held.append(service.accept()[0])
            held[-1].sendall(b"!")
        release.wait()

    threading.Thread(target=accept, daemon=True).start()
    with Tunnel("serve", service.getsockname()[1], *place().proves("code")) as server, proxy(server) as way:
        ours = [way.connect()]
        equal(ours[0].recv(1), b"!", "the greeting")
        before = server.memory(), way.memory()
        started = time.monotonic()
        while len(ours) <= count:
            batch = [way.connect() for _ in range(min(50, count + 1 - len(ours)))]
            for connection in batch:
                equal(connection.recv(1), b"!", "the greeting")
            ours += batch
        took = time.monotonic() - started
        print("  %d idle connections: serve %.1f KiB each, proxy %.1f KiB each, made in %.1f s" % (
            count, (server.memory() - before[0]) / count / 1024, (way.memory() - before[1]) / count / 1024, took))
        with open(CAPSA, "rb") as program:  # sanitizers keep shadows, and what was freed
            most = 512 if b"san_init" in program.read() else 48
        holds((server.memory() - before[0]) / count < most << 10, "an idle connection costs too much")
        for connection in ours:
            connection.close()
        release.set()
        for connection in held:
            connection.close()
        server.wait_for("ended id=", count + 1)


suite.main()
