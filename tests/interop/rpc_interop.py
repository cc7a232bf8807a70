#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The transport against clients of others: python grpcio (C-core), curl, and bare sockets.

    rpc_interop.py PATH_OF_rpc_echo_server [WORD...]

Needs the package grpcio; curl and openssl as commands. CAPSA_FULL=1 adds 10,000 idle connections.
"""

import os
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
import warnings

import harness
from harness import FULL, PATIENCE, Skip, Suite, check_sanitizers, contains, equal, holds
from harness import temporary_folder

ECHO_SERVER = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
MESSAGE_MAX = 4194304
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
SETTINGS_TAKEN = b"\0\0\0\x04\x01\0\0\0\0"

suite = Suite()
suite.needs("grpc")
try:
    import grpc
except ImportError:
    grpc = None


# ---- The server and certificates ----------------------------------------------------------------


class Echo:
    """One rpc_echo_server."""

    def __init__(self, *arguments):
        self.errors = open(os.path.join(temporary_folder("echo"), "stderr"), "w+b")
        self.process = subprocess.Popen([ECHO_SERVER, "--admin", *map(str, arguments)],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.admin = int(self.process.stdout.readline().split()[1])
        self.port = int(self.process.stdout.readline().split()[1])
        self.target = "127.0.0.1:%d" % self.port

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        check_sanitizers(self.stderr())
        equal(status, 0, "exit status")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.process.kill()

    def stats(self):
        text = page(self.admin, "/stats")[1]
        return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", text)}

    def await_stats(self, patience=PATIENCE, **wanted):
        """Wait until the server says so."""
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            stats = self.stats()
            if all(stats[name] == value for name, value in wanted.items()):
                return
            time.sleep(0.01)
        raise AssertionError("%r did not become %r" % (stats, wanted))

    def resident_kib(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def page(port, path, method="GET", body=b""):
    """One request to the admin listener: (status, body)."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plug:
        plug.sendall(b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                     % (method.encode(), path.encode(), len(body), body))
        answer = b""
        while chunk := plug.recv(65536):
            answer += chunk
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), text.decode()


def plain():
    return suite.shared("plain", Echo)


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(done.returncode, 0, "openssl %s: %s" % (arguments[0], done.stderr.decode()))


class Certificates:
    """Two roots, and certificates of each."""

    def __init__(self):
        self.folder = temporary_folder("certificates")
        for root in ("root", "stranger"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", self.path(root + ".key"), "-out", self.path(root + ".pem"),
                    "-subj", "/CN=" + root, "-days", "30")
        self.issue("server", "root", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.issue("second", "root", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self.issue("client", "root", "extendedKeyUsage=clientAuth")
        self.issue("impostor", "stranger", "extendedKeyUsage=clientAuth")
        self.roots = self.path("roots")  # a folder of roots, as the original has it
        os.mkdir(self.roots)
        shutil.copy(self.path("root.pem"), self.roots)
        with open(os.path.join(self.roots, "README"), "w") as readme:
            readme.write("not a certificate\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as content:
            return content.read()

    def issue(self, name, root, extensions):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.path(name + ".key"), "-out", self.path(name + ".csr"), "-subj", "/CN=" + name)
        with open(self.path(name + ".ext"), "w") as config:
            config.write(extensions + "\n")
        openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path(root + ".pem"),
                "-CAkey", self.path(root + ".key"), "-CAcreateserial", "-days", "30", "-extfile",
                self.path(name + ".ext"), "-out", self.path(name + ".pem"))

    def stop(self):
        pass


def certificates():
    return suite.shared("certificates", Certificates)


def mutual():
    def make():
        own = certificates()
        return Echo("--cert", own.path("server.pem"), "--key", own.path("server.key"),
                    "--client-ca", own.roots)
    return suite.shared("mutual", make)


# ---- Calls ----------------------------------------------------------------------------------------


def channel(server, *options, credentials=None):
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
               ("grpc.use_local_subchannel_pool", 1), *options]
    if credentials:
        return grpc.secure_channel(server.target, credentials, options)
    return grpc.insecure_channel(server.target, options)


def method(lane, name, service="test.Echo"):
    return lane.unary_unary("/%s/%s" % (service, name), request_serializer=bytes,
                            response_deserializer=bytes)


def call(lane, name, message=b"", timeout=PATIENCE, service="test.Echo", **more):
    return method(lane, name, service)(message, timeout=timeout, **more)


def refused(wanted, lane, name, message=b"", **more):
    try:
        answer = call(lane, name, message, **more)
    except grpc.RpcError as error:
        equal(error.code(), wanted, "status (%s)" % error.details())
        return error.details()
    raise AssertionError("answered %r instead of %s" % (answer[:40], wanted))


def tell(lane):
    text = call(lane, "Tell").decode()
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", text)}


# ---- Plain calls ----------------------------------------------------------------------------------


@suite.test
def a_message_comes_back():
    with channel(plain()) as lane:
        for message in (b"", b"x", bytes(range(256)) * 100):
            equal(call(lane, "Echo", message), message, "echo")


@suite.test
def messages_up_to_4_mib_are_taken_and_larger_ones_are_out_of_range():
    with channel(plain()) as lane:
        message = os.urandom(MESSAGE_MAX)
        holds(call(lane, "Echo", message) == message, "4 MiB came back changed")
        contains(refused(grpc.StatusCode.OUT_OF_RANGE, lane, "Echo", message + b"x"), "4194305")
        equal(call(lane, "Echo", b"still here"), b"still here", "echo")
        refused(grpc.StatusCode.OUT_OF_RANGE, lane, "Small", b"x" * 17)
        equal(call(lane, "Small", b"x" * 16), b"x" * 16, "echo")


@suite.test
def unknown_methods_and_services_are_unimplemented():
    with channel(plain()) as lane:
        refused(grpc.StatusCode.UNIMPLEMENTED, lane, "NoSuchThing", b"x")
        refused(grpc.StatusCode.UNIMPLEMENTED, lane, "Echo", b"x", service="test.Nobody")


@suite.test
def a_handlers_error_reaches_the_caller_with_its_words():
    with channel(plain()) as lane:
        equal(refused(grpc.StatusCode.PERMISSION_DENIED, lane, "Refuse"), "100% refused, schön",
              "details")


@suite.test
def compressed_requests_are_unimplemented_and_the_connection_lives_on():
    with channel(plain()) as lane:
        refused(grpc.StatusCode.UNIMPLEMENTED, lane, "Echo", b"a" * 10000,
                compression=grpc.Compression.Gzip)
        equal(call(lane, "Echo", b"x"), b"x", "echo")


@suite.test
def two_messages_in_a_unary_call_are_refused():
    with channel(plain()) as lane:
        stream = lane.stream_unary("/test.Echo/Echo", request_serializer=bytes,
                                   response_deserializer=bytes)
        for messages in ([b"one", b"two"], []):
            try:
                stream(iter(messages), timeout=PATIENCE)
                raise AssertionError("%r was answered" % messages)
            except grpc.RpcError as error:
                equal(error.code(), grpc.StatusCode.UNIMPLEMENTED, "status")


# ---- Many, slow, given up ---------------------------------------------------------------------------


@suite.test
def a_hundred_streams_run_on_one_connection():
    with Echo("--workers", 4) as server, channel(server) as lane:
        call(lane, "Echo", b"connect")
        futures = [method(lane, "Echo").future(b"%d" % i, timeout=PATIENCE) for i in range(1000)]
        naps = [method(lane, "Nap").future(b"20", timeout=PATIENCE) for _ in range(100)]
        for i, future in enumerate(futures):
            equal(future.result(), b"%d" % i, "echo")
        for nap in naps:
            equal(nap.result(), b"rested", "nap")
        equal(server.stats()["connections"], 1, "connections")


@suite.test
def a_deadline_ends_the_call_and_stops_the_handler():
    with Echo("--workers", 1) as server, channel(server) as lane:
        refused(grpc.StatusCode.DEADLINE_EXCEEDED, lane, "Nap", b"60000", timeout=0.2)
        # The only worker is free again at once, because the handler saw that nobody waits.
        equal(tell(lane), {"started": 1, "cancelled": 1, "verified": 0}, "tell")


@suite.test
def what_waits_past_its_deadline_is_never_run():
    with Echo("--workers", 1) as server, channel(server) as lane:
        first = method(lane, "Nap").future(b"400", timeout=PATIENCE)
        server.await_stats(calls=1, queued=0)
        late = [method(lane, "Nap").future(b"60000", timeout=0.1) for _ in range(20)]
        for future in late:
            equal(future.code(), grpc.StatusCode.DEADLINE_EXCEEDED, "status")
        equal(first.result(), b"rested", "nap")
        equal(tell(lane)["started"], 1, "handlers started")


@suite.test
def cancelled_calls_free_their_place():
    with Echo("--workers", 2) as server, channel(server) as lane:
        futures = [method(lane, "Nap").future(b"60000", timeout=PATIENCE) for _ in range(90)]
        server.await_stats(calls=90, queued=88)
        for future in futures:
            future.cancel()
        server.await_stats(calls=0, queued=0)
        told = tell(lane)
        while told["cancelled"] < told["started"]:  # each looks every millisecond
            told = tell(lane)
        # One freed by the first cancellation may begin another before that is cancelled too.
        holds(told["started"] < 45, "%(started)d of 90 cancelled calls were run" % told)
        equal(server.stats()["body"], 0, "bytes held")


@suite.test
def keepalive_pings_every_second_are_welcome():
    options = (("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_timeout_ms", 1000),
               ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0))
    with Echo() as server, channel(server, *options) as lane:
        call(lane, "Echo", b"x")
        time.sleep(8 if FULL else 4)  # the pings are what is tested
        equal(call(lane, "Echo", b"x"), b"x", "echo")
        equal(server.stats()["connections"], 1, "connections")
        equal(server.stderr(), "", "complaints")


@suite.test
def large_answers_to_a_slow_reader_arrive_whole():
    with channel(plain()) as lane:
        futures = [method(lane, "Big").future(b"4000000", timeout=PATIENCE) for _ in range(20)]
        for future in futures:
            equal(len(future.result()), 4000000, "answer")


# ---- Health -----------------------------------------------------------------------------------------


def check_request(name):
    return b"\x0a" + bytes([len(name)]) + name if name else b""


@suite.test
def health_is_told_and_watched():
    with Echo() as server, channel(server) as lane:
        health = "grpc.health.v1.Health"
        for name in (b"", b"test.Echo"):
            equal(call(lane, "Check", check_request(name), service=health), b"\x08\x01", "status")
        refused(grpc.StatusCode.NOT_FOUND, lane, "Check", check_request(b"other"), service=health)
        watch = lane.unary_stream("/%s/Watch" % health, request_serializer=bytes,
                                  response_deserializer=bytes)
        seen = watch(check_request(b"test.Echo"), timeout=PATIENCE)
        equal(next(seen), b"\x08\x01", "first status")
        call(lane, "SetHealth", b"2")
        equal(next(seen), b"\x08\x02", "second status")
        equal(call(lane, "Check", b"", service=health), b"\x08\x02", "status")
        equal(next(watch(check_request(b"other"), timeout=PATIENCE)), b"\x08\x03", "unknown")
        server.process.send_signal(signal.SIGTERM)
        try:
            next(seen)
            raise AssertionError("the watch did not end")
        except grpc.RpcError as error:
            equal(error.code(), grpc.StatusCode.UNAVAILABLE, "status")


# ---- TLS --------------------------------------------------------------------------------------------


def credentials(root="root.pem", client=None):
    own = certificates()
    return grpc.ssl_channel_credentials(
        own.read(root), own.read(client + ".key") if client else None,
        own.read(client + ".pem") if client else None)


@suite.test
def mutual_tls_takes_our_clients_and_nobody_else():
    server = mutual()
    with channel(server, credentials=credentials(client="client")) as lane:
        equal(call(lane, "Echo", b"x"), b"x", "echo")
        equal(tell(lane)["verified"], 1, "verified")
    for bad in (credentials(client="impostor"), credentials(),
                credentials(root="stranger.pem", client="client")):
        with channel(server, credentials=bad) as lane:
            refused(grpc.StatusCode.UNAVAILABLE, lane, "Echo", b"x")
    with channel(server) as lane:
        refused(grpc.StatusCode.UNAVAILABLE, lane, "Echo", b"x")
    contains(server.stderr(), "TLS handshake failed")


@suite.test
def server_tls_reads_new_certificates_on_sighup():
    own = certificates()
    for end in (".pem", ".key"):
        shutil.copy(own.path("server" + end), own.path("live" + end))

    def serial():
        context = ssl.create_default_context(cafile=own.path("root.pem"))
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plug:
            with context.wrap_socket(plug, server_hostname="localhost") as wrapped:
                return wrapped.getpeercert()["serialNumber"]

    with Echo("--cert", own.path("live.pem"), "--key", own.path("live.key")) as server:
        with channel(server, credentials=credentials()) as lane:
            equal(call(lane, "Echo", b"x"), b"x", "echo")
            equal(tell(lane)["verified"], 0, "verified")
            before = serial()
            for end in (".pem", ".key"):
                shutil.copy(own.path("second" + end), own.path("live" + end))
            server.process.send_signal(signal.SIGHUP)
            equal(server.process.stdout.readline(), "reload done\n", "reload")
            holds(serial() != before, "the old certificate is still served")
            with open(own.path("live.pem"), "w") as broken:
                broken.write("nothing\n")
            server.process.send_signal(signal.SIGHUP)
            contains(server.process.stdout.readline(), "live.pem", "no PEM certificate")
            serial()  # a bad file leaves the good certificate in place
            equal(call(lane, "Echo", b"x"), b"x", "echo")


@suite.test
def tls_without_http2_is_refused():
    own = certificates()
    for names in (["http/1.1"], None):
        context = ssl.create_default_context(cafile=own.path("root.pem"))
        context.load_cert_chain(own.path("client.pem"), own.path("client.key"))
        if names:
            context.set_alpn_protocols(names)
        with socket.create_connection(("127.0.0.1", mutual().port), PATIENCE) as plug:
            try:
                with context.wrap_socket(plug, server_hostname="localhost") as wrapped:
                    equal(wrapped.recv(100), b"", "what the server says")
            except (ssl.SSLError, ConnectionError):
                pass
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", mutual().port), PATIENCE) as plug:
        try:
            old.wrap_socket(plug)
            raise AssertionError("TLS 1.1 was accepted")
        except (ssl.SSLError, ConnectionError):
            pass


# ---- Stopping ---------------------------------------------------------------------------------------


@suite.test
def a_stop_lets_running_calls_finish_and_takes_no_new_ones():
    server = Echo("--grace", 30)
    with channel(server) as lane:
        nap = method(lane, "Nap").future(b"700", timeout=PATIENCE)
        server.await_stats(calls=1)
        server.process.send_signal(signal.SIGTERM)
        equal(nap.result(), b"rested", "the call in flight")
        began = time.monotonic()
        equal(server.process.wait(PATIENCE), 0, "exit status")
        holds(time.monotonic() - began < 10, "it waited for its grace time though all was done")
        refused(grpc.StatusCode.UNAVAILABLE, lane, "Echo", b"x")


@suite.test
def a_stop_ends_after_its_grace_time_whatever_runs():
    server = Echo("--grace", 1)
    with channel(server) as lane:
        nap = method(lane, "Nap").future(b"60000", timeout=PATIENCE)
        server.await_stats(calls=1)
        began = time.monotonic()
        server.stop()
        holds(time.monotonic() - began < 20, "it took far more than its grace time")
        equal(nap.code(), grpc.StatusCode.UNAVAILABLE, "status")


# ---- Bare sockets -----------------------------------------------------------------------------------


def bare(server):
    plug = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    plug.settimeout(PATIENCE)
    return plug


def read_all(plug):
    text = b""
    try:
        while chunk := plug.recv(65536):
            text += chunk
    except ConnectionResetError:
        pass
    return text


def frame_types(text):
    kinds, at = [], 0
    while at + 9 <= len(text):
        length, kind = struct.unpack(">I", b"\0" + text[at:at + 3])[0], text[at + 3]
        kinds.append(kind)
        at += 9 + length
    return kinds


GOAWAY = 7


@suite.plain_test
def garbage_is_answered_with_goaway_and_hurts_nobody():
    server = plain()
    broken = [
        PREFACE + EMPTY_SETTINGS + b"\xff" * 1000,                                # a huge frame
        PREFACE + EMPTY_SETTINGS + b"\0\0\x05\x00\x01\0\0\0\x01\0\0\0\0\0",        # DATA, idle stream
        PREFACE + EMPTY_SETTINGS + b"\0\0\x04\x01\x05\0\0\0\x01\xff\xff\xff\xff",  # broken HPACK
        PREFACE + EMPTY_SETTINGS + b"\0\0\x01\x06\0\0\0\0\0\x00",                  # short PING
        PREFACE + b"\0\0\0\x06\0\0\0\0\0",                                        # no SETTINGS first
        b"\x00" * 100,
        os.urandom(64),
    ]
    for text in broken:
        with bare(server) as plug:
            plug.sendall(text)
            holds(GOAWAY in frame_types(read_all(plug)), "no GOAWAY for %r" % text[24:60])
    with bare(server) as plug:
        plug.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        contains(read_all(plug), b"HTTP/1.1 505", b"gRPC over HTTP/2 only")
    server.await_stats(connections=0)


@suite.plain_test
def torn_beginnings_are_no_harm():
    server = plain()
    text = PREFACE + EMPTY_SETTINGS + b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"
    for cut in range(len(text)):
        with bare(server) as plug:
            plug.sendall(text[:cut])
    with bare(server) as plug:
        for i in range(len(text)):
            plug.sendall(text[i:i + 1])
        kinds = b""
        while 6 not in frame_types(kinds):
            kinds += plug.recv(1000)
    server.await_stats(connections=0)


@suite.plain_test
def floods_of_pings_nobody_reads_end_the_connection():
    server = plain()
    with bare(server) as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.sendall(PREFACE + EMPTY_SETTINGS + SETTINGS_TAKEN)
        ping = b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"
        try:
            for _ in range(4000):
                plug.sendall(ping * 1000)
            raise AssertionError("4,000,000 pings were taken from a peer that reads nothing")
        except (ConnectionError, socket.timeout):
            pass
    server.await_stats(connections=0)


def literal(name, value):
    """HPACK: not indexed, no Huffman coding."""
    return b"\0%c%s%c%s" % (len(name), name, len(value), value)


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


@suite.plain_test
def a_peer_that_never_reads_its_answers_is_dropped():
    if not FULL:
        raise Skip("takes more than a minute; CAPSA_FULL=1 runs it")
    server = plain()
    huge = b"\x7f\xff\x00\x00"
    head = b"".join(literal(*pair) for pair in (
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/test.Echo/Big"),
        (b":authority", b"x"), (b"content-type", b"application/grpc")))
    text = PREFACE + frame(4, 0, 0, b"\0\4" + huge) + SETTINGS_TAKEN + frame(8, 0, 0, huge)
    for stream in range(1, 21, 2):
        text += frame(1, 4, stream, head) + frame(0, 1, stream, b"\0\0\0\0\x074000000")
    with socket.socket() as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.connect(("127.0.0.1", server.port))
        plug.sendall(text)
        server.await_stats(connections=1)
        began = time.monotonic()
        # The first look may find that something was taken meanwhile, and waits once more.
        server.await_stats(patience=180, connections=0, body=0)
        holds(time.monotonic() - began > 55, "dropped after %d s" % (time.monotonic() - began))
    contains(server.stderr(), "does not read its answers")


@suite.plain_test
def curl_is_told_what_this_port_is():
    if not shutil.which("curl"):
        raise Skip("there is no curl")
    url = "http://%s/test.Echo/Echo" % plain().target

    def status(*arguments):
        done = subprocess.run(["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", *arguments, url],
                              stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
        return done.stdout

    two = "--http2-prior-knowledge"
    equal(status(two), "405", "GET")
    equal(status(two, "-d", "x"), "415", "a form")
    equal(status(two, "-d", "x", "-H", "content-type: application/grpc-web"), "415", "grpc-web")
    equal(status(two, "-d", "x", "-H", "content-type: application/grpc"), "200", "half a prefix")
    equal(status("--http1.1"), "505", "HTTP/1.1")


@suite.plain_test
def admin_pages_answer_get_and_nothing_else():
    port = plain().admin
    equal(page(port, "/healthz"), (200, "alive\n"), "/healthz")
    equal(page(port, "/nothing")[0], 404, "unknown page")
    equal(page(port, "/healthz", "POST", b"x")[0], 405, "POST")
    equal(page(port, "/healthz", "DELETE")[0], 405, "DELETE")
    equal(page(port, "/healthz?x=1")[0], 200, "parameters are ignored")
    holds(page(port, "/healthz", "POST", b"x" * 100000)[0] in (405, 413), "a large body")


# ---- Very many ----------------------------------------------------------------------------------------


@suite.plain_test
def thousands_of_idle_connections_cost_little():
    wanted = 10000 if FULL else 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < wanted + 200:
        wanted = hard // 2
        print("  (the limit of open files is %d: %d connections)" % (hard, wanted))
    plugs = []
    with Echo() as server:
        before = server.resident_kib()
        try:
            for _ in range(wanted):
                plug = bare(server)
                plug.sendall(PREFACE + EMPTY_SETTINGS + SETTINGS_TAKEN)
                plugs.append(plug)
            server.await_stats(connections=wanted)
            for plug in plugs:
                holds(plug.recv(1000), "a connection got no greeting")
            after = server.resident_kib()
            print("  %d idle connections: %.1f KiB each" % (wanted, (after - before) / wanted))
            equal(page(server.admin, "/healthz")[0], 200, "/healthz")
            if grpc:
                with channel(server) as lane:
                    equal(call(lane, "Echo", b"x"), b"x", "echo")
        finally:
            for plug in plugs:
                plug.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        server.await_stats(connections=0)


@suite.plain_test
def a_server_out_of_descriptors_does_not_spin_and_recovers():
    with Echo() as server:
        subprocess.run(["prlimit", "--pid", str(server.process.pid), "--nofile=40:40"], check=True)
        plugs = [bare(server) for _ in range(80)]  # the backlog takes what accept cannot
        time.sleep(0.3)
        used = cpu_seconds(server.process.pid)
        time.sleep(1.0)
        holds(cpu_seconds(server.process.pid) - used < 0.3, "it spins")
        for plug in plugs:
            plug.close()
        server.await_stats(connections=0)
        equal(page(server.admin, "/healthz")[0], 200, "/healthz")


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if not os.access(ECHO_SERVER, os.X_OK):
    sys.exit("usage: rpc_interop.py PATH_OF_rpc_echo_server [WORD...]")
harness.CAPSAD = ECHO_SERVER  # the program that must be there
suite.main()
