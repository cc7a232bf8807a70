# SPDX-License-Identifier: Apache-2.0
"""Does capsad serve who may be served, whatever comes to its ports, and say what happened?

TLS in its kinds and certificates that are exchanged, the admin listener, logs, and connections with
bad manners of every kind. CAPSA_FULL=1 makes the idle connections ten thousand.
"""

import http.client
import json
import os
import re
import resource
import signal
import socket
import ssl
import sys
import time
import warnings

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop")
)

import parties
from harness import FULL, PATIENCE, Server, Skip, Suite, contains, equal, holds
from protocol import DENIED, Client, fresh, manager_message, new_key, rule
from scene import PACKAGES, Running, alice, bob, carol, owned
from tls import Tls

suite = Suite()
suite.needs(*PACKAGES)


# ---- Certificates of TLS ----------------------------------------------------------------------


def peer_certificate(server, tls):
    """What a new connection is shown, as DER."""
    context = ssl.create_default_context(cadata=tls.read("ca/root.crt").decode())
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(tls.path("client.crt"), tls.path("client.key"))
    with socket.create_connection((server.host, server.port), 30) as plain:
        with context.wrap_socket(plain, server_hostname=server.host) as secure:
            equal(secure.selected_alpn_protocol(), "h2", "protocol")
            return secure.getpeercert(binary_form=True)


def until(condition, what):
    ends = time.monotonic() + PATIENCE
    while not condition():
        holds(time.monotonic() < ends, what)
        time.sleep(0.01)


# What an HTTP/2 client says first: the preface, its SETTINGS (none), and the ACK of the server's.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0"


@suite.test
def certificates_are_reloaded_on_sighup():
    tls = Tls("reload")
    with Server(**tls.flags()) as server, Client(server.target, tls.credentials()) as old:
        old.ra_cert()
        first = peer_certificate(server, tls)
        wanted = parties.der_of(tls.renew_server())
        equal(peer_certificate(server, tls), first, "certificate before the signal")
        server.signal(signal.SIGHUP)
        until(lambda: peer_certificate(server, tls) == wanted, "the new certificate is not served")
        equal(old.ra_cert().status.code, 0, "code on the old connection")
        # Broken files change nothing, and are said.
        tls.write("server.crt", "no certificate")
        server.signal(signal.SIGHUP)
        until(lambda: server.stderr().count("ERROR") > 0, "the failure is not in the log")
        contains(server.stderr(), "server.crt")
        equal(peer_certificate(server, tls), wanted, "certificate after broken files")
        # So does a key that does not go with the certificate.
        tls.renew_server()
        tls.write("server.key", parties.key_pem_of(parties.key("another", "ec")))
        errors = server.stderr().count("ERROR")
        server.signal(signal.SIGHUP)
        until(lambda: server.stderr().count("ERROR") > errors, "the failure is not in the log")
        equal(peer_certificate(server, tls), wanted, "certificate after a wrong key")
        # And roots are read again: who was trusted is not any more.
        other = Tls("reload-other")
        tls.renew_server()
        tls.write("ca/root.crt", other.read("ca/root.crt").decode())
        server.signal(signal.SIGHUP)

        def is_refused():
            with Client(server.target, tls.credentials(parties.pem_of(tls.root).encode())) as new:
                return refusal(new) == "UNAVAILABLE"

        until(is_refused, "the old root is still trusted")
        with Client(
            server.target, tls.credentials(parties.pem_of(tls.root).encode(), other)
        ) as new:
            equal(new.ra_cert().status.code, 0, "code")


@suite.test
def sighup_without_tls_does_no_harm():
    with Running() as scene:
        scene.server.signal(signal.SIGHUP)
        equal(scene.client.ra_cert().status.code, 0, "code")


def refusal(client):
    """The gRPC status of a call that fails, or None."""
    import grpc

    try:
        client.ra_cert()
        return None
    except grpc.RpcError as error:
        return error.code().name


@suite.test
def mutual_tls_admits_clients_of_the_folders_authorities():
    tls, other, unknown = Tls("mutual"), Tls("mutual-other"), Tls("mutual-unknown")
    tls.write("ca/other.pem", other.read("ca/root.crt").decode())
    with Server(**tls.flags()) as server:
        equal(server.tls, "mutual", "tls")
        root = tls.read("ca/root.crt")
        for what, credentials, wanted in (
            ("its own", tls.credentials(), None),
            ("the folder's other", tls.credentials(root, other), None),
            ("an unknown one", tls.credentials(root, unknown), "UNAVAILABLE"),
            ("none", tls.credentials(root, None), "UNAVAILABLE"),
            (
                "a server that is not the one",
                tls.credentials(other.read("ca/root.crt")),
                "UNAVAILABLE",
            ),
            ("plain text", None, "UNAVAILABLE"),
        ):
            with Client(server.target, credentials) as client:
                equal(refusal(client), wanted, "status with a certificate of " + what)
        with Client(server.target, tls.credentials()) as client:
            uuid, data = owned(client, alice(), [rule([bob()])])
            equal(client.got_keys(bob(), [uuid]), {uuid: data}, "keys")


@suite.test
def server_only_tls_asks_no_certificate():
    tls, other = Tls("server-only"), Tls("server-only-other")
    with Server(
        **tls.flags(tls_config__client_auth="none", tls_config__client_ca_cert_path="/nowhere")
    ) as server:
        equal(server.tls, "server", "tls")
        root = tls.read("ca/root.crt")
        for credentials, wanted in (
            (tls.credentials(root, None), None),
            (tls.credentials(), None),
            (tls.credentials(other.read("ca/root.crt"), None), "UNAVAILABLE"),
            (None, "UNAVAILABLE"),
        ):
            with Client(server.target, credentials) as client:
                equal(refusal(client), wanted, "status")


@suite.test
def weak_tls_is_refused():
    def old_version(context):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.options &= ~ssl.OP_NO_TLSv1_1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1

    def old_cipher(context):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")

    weak = {
        "TLS 1.1": old_version,
        "CBC": old_cipher,
        "no ALPN": lambda context: context.set_alpn_protocols([]),
        "HTTP/1.1": lambda context: context.set_alpn_protocols(["http/1.1"]),
    }
    tls = Tls("weak")
    with Server(**tls.flags()) as server:
        for what, change in weak.items():
            context = ssl.create_default_context(cadata=tls.read("ca/root.crt").decode())
            context.load_cert_chain(tls.path("client.crt"), tls.path("client.key"))
            context.set_alpn_protocols(["h2"])
            change(context)
            try:
                with socket.create_connection((server.host, server.port), 30) as plain:
                    with context.wrap_socket(plain, server_hostname=server.host) as secure:
                        secure.sendall(GREETING)
                        holds(not secure.recv(1), what + " was served")
            except (ssl.SSLError, ConnectionError):
                pass
        with Client(server.target, tls.credentials()) as client:
            equal(client.ra_cert().status.code, 0, "code")


# ---- The admin listener -----------------------------------------------------------------------


@suite.test
def admin_listener_tells_health_and_numbers():
    with Running(admin_listen="127.0.0.1:0") as scene:
        server, client = scene.server, scene.client
        holds(
            server.admin and server.admin != server.target,
            "the admin listener is at %r" % server.admin,
        )
        equal(server.get("/healthz")[0], 200, "status of /healthz")
        status, body, kind = server.get("/readyz")
        equal((status, kind), (200, "application/json"), "/readyz")
        equal(json.loads(body)["mode"], "simulation", "mode")
        name, scope = fresh("resource-name"), "scope-name"
        client.create_keys(alice(), {name: new_key()}).ok()
        client.create_policy(
            alice(), name, [rule([bob()], ["op-name"], ["column-name"], rule_id="rule-name")], scope
        ).ok()
        client.got_keys(bob(), {name: ["column-name"]}, op="op-name", scope=scope)
        client.get_keys(carol(), {name: ["column-name"]}, op="op-name", scope=scope).is_refused(
            DENIED
        )
        client.list_policies(alice(), scope)
        status, body, kind = server.get("/metrics")
        equal((status, kind.split(";")[0]), (200, "text/plain"), "/metrics")
        contains(body, "GetDataKeys", "CreateDataKeys", "# TYPE")
        for secret in (name, scope, "op-name", "column-name", "rule-name", alice().id, bob().id):
            holds(secret not in body, "/metrics names " + secret)
        for path, method, wanted in (
            ("/", "GET", (404,)),
            ("/metrics/x", "GET", (404,)),
            ("/../metrics", "GET", (400, 404)),
            ("/metrics", "POST", (405,)),
            ("/healthz", "DELETE", (405,)),
            ("/secretflowapis.v2.sdc.capsule_manager.CapsuleManager/GetRaCert", "POST", (404, 405)),
        ):
            holds(
                server.get(path, method)[0] in wanted,
                "%s %s: %r" % (method, path, server.get(path, method)),
            )
        # Numbers move.
        first = metric(body, "GetDataKeys")
        client.get_keys(carol(), [name]).is_refused(DENIED)
        equal(metric(server.get("/metrics")[1], "GetDataKeys"), first + 1, "number of calls")


def metric(body, method):
    """The sum of the counters that name the method."""
    found = [line for line in body.splitlines() if '"%s"' % method in line and "_total{" in line]
    holds(found, "no counter names %s:\n%s" % (method, body))
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


@suite.test
def admin_listener_is_off_by_default():
    with Server() as server:
        equal(server.admin, None, "admin listener")
        connection = http.client.HTTPConnection(server.target, timeout=30)
        try:
            connection.request("GET", "/metrics")
            status = connection.getresponse().status
            holds(status >= 400, "/metrics on the gRPC port: %d" % status)
        except (http.client.HTTPException, ConnectionError):
            pass
        finally:
            connection.close()


# ---- Logs -------------------------------------------------------------------------------------


def log_lines(server, name):
    with open(os.path.join(server.folder, "log", name)) as file:
        return file.read().splitlines()


@suite.test
def logs_say_who_did_what_and_how_it_ended():
    with Running() as scene:
        uuid, _ = owned(scene.client, alice(), [rule([bob()])])
        scene.client.get_keys(carol(), [uuid]).is_refused(DENIED)
        server = scene.server
    equal(
        sorted(os.listdir(os.path.join(server.folder, "log"))),
        ["capsule_manager.log", "monitor.log"],
        "log files",
    )
    text = "\n".join(log_lines(server, "capsule_manager.log"))
    contains(
        text,
        "started",
        "mode=simulation",
        "CreateDataKeys",
        "GetDataKeys",
        carol().id,
        uuid,
        "stopp",
    )
    monitor = log_lines(server, "monitor.log")
    shape = re.compile(r'[-0-9T:.]+Z \|(\w+)\|"([YN])"\|\d+\|"(.*)"')
    ended = [(m[1], m[2]) for m in map(shape.fullmatch, monitor)]
    for wanted in (
        ("GetRaCert", "Y"),
        ("CreateDataKeys", "Y"),
        ("CreateDataPolicy", "Y"),
        ("GetDataKeys", "N"),
    ):
        holds(wanted in ended, "monitor.log has no %r: %r" % (wanted, monitor))
    holds(any('"success"' in line for line in monitor), "monitor.log: %r" % monitor)


@suite.test
def logs_cannot_be_forged_by_names():
    with Running() as scene:
        name = 'x\nERROR forged=1\r\n|GetRaCert|"Y"|1|"success"\n\x1b[31m'
        scene.client.create_keys(alice(), {name: new_key()}).ok()
        scene.client.get_keys(bob(), [name]).is_refused(DENIED)
        scene.client.get_keys(bob(), ["y"], op=name, scope=name).is_refused(DENIED)
        server = scene.server
    for line in (
        log_lines(server, "capsule_manager.log")
        + log_lines(server, "monitor.log")
        + server.stderr().splitlines()
    ):
        holds(not line.startswith(("ERROR forged", "|GetRaCert")), "a line was forged: %r" % line)
        holds("\x1b" not in line and "\r" not in line, "control characters are in %r" % line)


@suite.test
def console_and_level_can_be_chosen():
    with Running(log_config__enable_console_logger="false", log_config__log_level="error") as scene:
        owned(scene.client, alice())
        server = scene.server
    holds("CreateDataKeys" not in server.stderr(), "the console has log lines: " + server.stderr())
    contains(server.stderr(), "simulation")  # the banner is no log
    holds(
        "CreateDataKeys" not in "\n".join(log_lines(server, "capsule_manager.log")),
        "the log says what went well",
    )
    with Running(log_config__log_dir="") as scene:
        owned(scene.client, alice())
        server = scene.server
    holds(not os.path.exists(os.path.join(server.folder, "log")), "there is a log folder")


# ---- Connections ------------------------------------------------------------------------------


@suite.test
def hundred_streams_on_one_connection():
    with Running() as scene:
        client = scene.client
        client.manager_key()
        uuid, data = owned(client, alice(), [rule([bob()])])
        request = {
            "initiator_party_id": bob().id,
            "scope": "default",
            "op_name": "psi",
            "resources": [{"resource_uri": uuid, "columns": ["id"]}],
        }
        envelopes = [
            client.build({"cert": bob().pem, "resource_request": request}, bob())
            for _ in range(100)
        ]
        calls = [
            client.method("GetDataKeys").future(envelope, timeout=PATIENCE)
            for envelope in envelopes
        ]
        nonce = manager_message("GetRaCertRequest")(nonce="n" * 100000)
        calls += [
            client.method("GetRaCert", "GetRaCertResponse").future(nonce, timeout=PATIENCE)
            for _ in range(100)
        ]
        equal([call.result().status.code for call in calls], [0] * 200, "codes")


@suite.test
def cancelled_and_late_calls_do_no_harm():
    import grpc

    with Running() as scene:
        client = scene.client
        client.manager_key()
        big = manager_message("GetRaCertRequest")(nonce="n" * 1000000)
        for _ in range(30):
            call = client.method("GetRaCert", "GetRaCertResponse").future(big, timeout=60)
            call.cancel()
        for deadline in (0.000001, 0.0005, 0.002):
            try:
                client.method("GetRaCert", "GetRaCertResponse")(big, timeout=deadline)
            except grpc.RpcError as error:
                # Once in a while this version of C-core cancels a stream that it never opened, for
                # which HTTP/2 wants the connection closed (RFC 9113 section 6.4).
                if "stream in idle" not in error.details():
                    equal(error.code().name, "DEADLINE_EXCEEDED", error.details())
        uuid, data = owned(client, alice(), [rule([bob()])])
        equal(client.got_keys(bob(), [uuid]), {uuid: data}, "keys")


@suite.test
def keepalive_pings_are_answered():
    with Running() as scene:
        options = [
            ("grpc.keepalive_time_ms", 20),
            ("grpc.keepalive_timeout_ms", 5000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.http2.min_time_between_pings_ms", 20),
        ]
        with Client(scene.server.target, options=options) as pinging:
            ends, calls = time.monotonic() + 1, 0
            while time.monotonic() < ends:
                equal(pinging.ra_cert().status.code, 0, "code")
                calls += 1
            holds(calls > 10, "only %d calls" % calls)


@suite.test
def garbage_on_the_port_does_no_harm():
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    with Running() as scene:
        for text in (
            b"",
            b"\0" * 100,
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            os.urandom(1000),
            b"\x16\x03\x01\x02\0\x01\0",
            preface,
            preface[:10],
            preface + settings,
            preface + settings + os.urandom(500),
            preface + settings + b"\xff\xff\xff\0\0\0\0\0\1",
            preface + b"\0\0\0\0\0\0\0\0\0" * 1000,
            preface + settings + b"\0\0\4\1\5\0\0\0\1aaaa",
            preface + settings + b"\0\0\0\1\5\0\0\0\2",
        ):
            with socket.create_connection((scene.server.host, scene.server.port), 30) as connection:
                try:
                    connection.sendall(text)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass
                except ConnectionError:
                    pass
            equal(scene.client.ra_cert().status.code, 0, "code after %r" % text[:40])


@suite.test
def idle_connections_do_not_keep_others_out():
    count = 10000 if FULL else 500
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit[1] < count + 200:
        raise Skip("only %d open files are allowed here" % limit[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    try:
        with Running() as scene:
            idle = []
            try:
                for number in range(count):
                    idle.append(
                        socket.create_connection((scene.server.host, scene.server.port), 30)
                    )
                    if number % 2:
                        idle[-1].sendall(GREETING)
                with Client(scene.server.target) as late:
                    equal(late.ra_cert().status.code, 0, "code")
            finally:
                for connection in idle:
                    connection.close()
            equal(scene.client.ra_cert().status.code, 0, "code")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


suite.main()
