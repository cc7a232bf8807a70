#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Python's ssl with the contexts of the package: http.client, urllib, asyncio, bare sockets, and the
ways in which somebody could get a byte to a server that was not accepted."""

import asyncio
import gc
import http.client
import json
import os
import socket
import ssl
import threading
import urllib.error
import urllib.request

from python_scene import (
    PATIENCE,
    WRONG,
    Suite,
    WebServer,
    connected,
    contains,
    equal,
    harness,
    holds,
    identity,
    in_thread,
    measured,
    raises,
    verifier,
)

import capsa

suite = Suite()


def web():
    return WebServer(capsa.server_context(identity()))


def right():
    return capsa.client_context(verifier())


def wrong():
    return capsa.client_context(verifier(WRONG))


def http_client(server, context):
    connection = http.client.HTTPSConnection(
        "127.0.0.1", server.port, context=context, timeout=PATIENCE
    )
    try:
        connection.request("POST", "/path?query=1", body=b"a secret", headers={"X-One": "1"})
        return connection.getresponse().read()
    finally:
        connection.close()


def by_urllib(server, context):
    request = urllib.request.Request(
        server.url + "/path?query=1", data=b"a secret", headers={"X-One": "1"}
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(request, timeout=PATIENCE) as answer:
        return answer.read()


# ---- What works ----------------------------------------------------------------------------------


@suite.plain_test
def http_client_and_urllib_talk_to_the_right_server():
    for talk in (http_client, by_urllib):
        with web() as server:
            asked = json.loads(talk(server, right()))
            equal(asked["line"], "POST /path?query=1 HTTP/1.1", talk.__name__)
            equal((asked["body"], asked["headers"]["x-one"]), ("a secret", "1"), talk.__name__)


@suite.plain_test
def a_socket_tells_what_its_peer_proved():
    with web() as server:
        plain = socket.create_connection(("127.0.0.1", server.port))
        with right().wrap_socket(plain) as wrapped:
            equal(wrapped.version(), "TLSv1.3", "version")
            equal(wrapped.verdict.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
            wrapped.sendall(b"GET / HTTP/1.1\r\n\r\n")
            holds(wrapped.recv(4096).startswith(b"HTTP/1.1 200"), "answer")


@suite.plain_test
def tls_1_2_is_taken_when_it_is_asked_for():
    old = capsa.server_context(identity(), tls12=True)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with WebServer(old) as server:
        raises(ssl.SSLError, lambda: http_client(server, right()))
        equal(server.received, b"", "what the server received")
        answer = http_client(server, capsa.client_context(verifier(), tls12=True))
        holds(b"a secret" in answer, "answer over TLS 1.2")
        raises(
            capsa.PolicyRefused,
            lambda: http_client(server, capsa.client_context(verifier(WRONG), tls12=True)),
        )


@suite.plain_test
def asyncio_serves_and_connects():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async def run():
        server = await asyncio.start_server(
            serve, "127.0.0.1", 0, ssl=capsa.server_context(identity())
        )
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=right())
        proved = writer.get_extra_info("ssl_object").verdict
        equal(proved.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
        writer.write(b"hello\n")
        equal(await reader.readline(), b"HELLO\n", "answer")
        writer.close()
        server.close()

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


@suite.plain_test
def a_renewed_identity_is_shown_and_running_connections_go_on():
    context = capsa.server_context(identity())
    with WebServer(context) as server:
        seen = []
        running = http.client.HTTPSConnection(
            "127.0.0.1", server.port, context=right(), timeout=PATIENCE
        )
        for turn in range(3):
            running.request("GET", "/%d" % turn)
            holds(b"/%d" % turn in running.getresponse().read(), "the running connection")
            certificate, _ = capsa.fetch_certificate("127.0.0.1", server.port, verifier())
            seen.append(certificate)
            context.renew()
        running.close()
        equal(len(set(seen)), 3, "different certificates")


@suite.plain_test
def handshakes_during_renewals_never_meet_half_an_identity():
    context, stop = capsa.server_context(identity()), threading.Event()
    context.set_alpn_protocols(["http/1.1"])

    def renew():
        turns = 0
        while not stop.is_set():
            context.renew()
            turns += 1
        return turns

    with WebServer(context) as server:
        renewing = in_thread(renew)
        client = right()
        client.set_alpn_protocols(["http/1.1"])
        try:
            for _ in range(60):
                plain = socket.create_connection(("127.0.0.1", server.port))
                with client.wrap_socket(plain) as wrapped:
                    equal(wrapped.selected_alpn_protocol(), "http/1.1", "ALPN")
        finally:
            stop.set()
        holds(renewing() > 0, "nothing was renewed")
        equal(server.failures, [], "failed handshakes")


class Racing:
    """An identity that somebody else renews between the reading of its certificate and of its key."""

    def __init__(self):
        self.real, self.renewals = identity(), 0

    def certificate(self):
        return self.real.certificate()

    def key(self):
        if self.renewals < 2:
            self.renewals += 1
            self.real.make()
        return self.real.key()


@suite.plain_test
def an_identity_that_is_renewed_while_it_is_read_is_read_again():
    racing = Racing()
    with WebServer(capsa.server_context(racing)) as server:
        certificate, _ = capsa.fetch_certificate("127.0.0.1", server.port, verifier())
        equal(certificate, racing.real.certificate("der"), "certificate")
    equal(racing.renewals, 2, "renewals in between")


@suite.plain_test
def no_session_ticket_is_sent():
    """Old mbedTLS clients take one for the end of the connection."""
    with web() as server:
        plain = socket.create_connection(("127.0.0.1", server.port))
        with right().wrap_socket(plain) as wrapped:
            wrapped.sendall(b"GET / HTTP/1.1\r\n\r\n")
            wrapped.recv(4096)
            holds(not wrapped.session.has_ticket, "the server sent a ticket")


# ---- What is refused -----------------------------------------------------------------------------


@suite.plain_test
def a_wrong_measurement_is_refused_before_a_byte_leaves():
    for talk in (http_client, by_urllib):
        with web() as server:
            refused = raises(
                capsa.PolicyRefused,
                lambda: talk(server, wrong()),
                "reference-values",
                WRONG,
                measured(),
            )
            equal(refused.check, "reference-values", talk.__name__)
            server.was_told_nothing()


@suite.plain_test
def asyncio_is_refused_before_a_byte_leaves():
    async def run(port):
        troubles = []
        asyncio.get_running_loop().set_exception_handler(lambda _l, c: troubles.append(c))
        try:
            await asyncio.open_connection("127.0.0.1", port, ssl=wrong())
        except capsa.PolicyRefused as error:
            contains(str(error), "reference-values", WRONG)
            holds(isinstance(error, ssl.SSLError), "asyncio takes no other for a failed handshake")
            equal(error.verdict.failed_check, "reference-values", "verdict")
            equal(troubles, [], "what the loop complained of")
            return
        raise AssertionError("it was accepted")

    with web() as server:
        asyncio.run(asyncio.wait_for(run(server.port), PATIENCE))
        server.was_told_nothing()


def plain_certificate(*more):
    """A server's context with a certificate of openssl's, which carries no evidence."""
    folder = harness.temporary_folder("plain")
    status, _, errors = harness.run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem", "-subj", "/CN=localhost",
        "-days", "2", *more,
    )  # fmt: skip
    equal(status, 0, "openssl req: " + errors)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
    return context


@suite.plain_test
def a_certificate_without_evidence_is_refused():
    with WebServer(plain_certificate()) as server:
        refused = raises(capsa.EvidenceRefused, lambda: http_client(server, right()))
        equal(refused.check, "certificate")
        server.was_told_nothing()


@suite.plain_test
def A27_evidence_of_another_key_is_refused():
    """A certificate is public: whoever puts its evidence into one of his own has not got its key."""
    der = identity().certificate("der")
    start = der.index(bytes.fromhex("060667810505040904")) + 9  # TCG DICE's OID, an OCTET STRING
    equal(der[start], 0x82, "length in two bytes")
    size = int.from_bytes(der[start + 1 : start + 3], "big")
    evidence = der[start + 3 : start + 3 + size]
    folder = harness.temporary_folder("stolen")
    with open(folder + "/openssl.cnf", "w") as file:
        file.write(
            "[req]\ndistinguished_name = name\nx509_extensions = stolen\nprompt = no\n"
            "[name]\nCN = thief\n[stolen]\n2.23.133.5.4.9 = DER:%s\n" % evidence.hex()
        )
    with WebServer(plain_certificate("-config", folder + "/openssl.cnf")) as server:
        refused = raises(capsa.EvidenceRefused, lambda: http_client(server, right()))
        equal(refused.check, "certificate-key", str(refused))
        server.was_told_nothing()


WAYS = {
    "send": lambda s: s.send(b"a secret"),
    "sendall": lambda s: s.sendall(b"a secret"),
    "write": lambda s: s.write(b"a secret"),
    "sendfile": lambda s: s.sendfile(open(__file__, "rb")),
    "sendto": lambda s: s.sendto(b"a secret", s.getpeername()),
    "makefile": lambda s: (lambda f: (f.write(b"a secret"), f.flush()))(s.makefile("wb")),
    "recv": lambda s: s.recv(1),
    "recv_into": lambda s: s.recv_into(bytearray(1)),
    "read": lambda s: s.read(1),
    "do_handshake": lambda s: s.do_handshake(),
}


@suite.plain_test
def without_a_handshake_on_connect_every_way_out_makes_it_and_is_refused():
    for name, way in WAYS.items():
        with web() as server:
            plain = socket.create_connection(("127.0.0.1", server.port))
            wrapped = wrong().wrap_socket(plain, do_handshake_on_connect=False)
            with wrapped:
                raises((capsa.PolicyRefused, ValueError), lambda: way(wrapped))
                if name not in ("sendto", "makefile"):  # ssl has no sendto; a file keeps it open
                    equal(wrapped.fileno(), -1, "descriptor after " + name)
                for again, other in WAYS.items():  # and no other way afterwards
                    raises((OSError, ValueError, capsa.PolicyRefused), lambda: other(wrapped))
            server.was_told_nothing()


@suite.plain_test
def a_socket_that_is_wrapped_before_it_connects_is_judged_when_it_does():
    for way in ("connect", "connect_ex"):
        with web() as server:
            with wrong().wrap_socket(socket.socket()) as wrapped:
                raises(
                    capsa.PolicyRefused,
                    lambda: getattr(wrapped, way)(("127.0.0.1", server.port)),
                )
                raises((OSError, capsa.PolicyRefused), lambda: wrapped.send(b"a secret"))
            server.was_told_nothing()


@suite.plain_test
def a_socket_that_does_not_block_is_judged_too():
    import select

    with web() as server:
        plain = socket.create_connection(("127.0.0.1", server.port))
        plain.setblocking(False)
        with wrong().wrap_socket(plain, do_handshake_on_connect=False) as wrapped:
            while True:
                try:
                    wrapped.send(b"a secret")
                except ssl.SSLWantReadError:
                    select.select([wrapped], [], [], PATIENCE)
                except ssl.SSLWantWriteError:
                    select.select([], [wrapped], [], PATIENCE)
                except capsa.PolicyRefused:
                    break
        server.was_told_nothing()


@suite.plain_test
def after_the_end_of_tls_nothing_goes_in_the_clear():
    """ssl's own sockets send bare bytes after shutdown and unwrap."""
    for end in (lambda s: s.shutdown(socket.SHUT_RD), lambda s: s.unwrap()):
        here, there = connected()
        serving = in_thread(
            lambda: capsa.server_context(identity()).wrap_socket(there, server_side=True)
        )
        wrapped = right().wrap_socket(here)
        with wrapped, serving() as peer:
            unwrapping = in_thread(peer.unwrap)
            end(wrapped)
            for name in ("send", "sendall", "recv", "sendto", "sendfile"):
                raises(OSError, lambda: WAYS[name](wrapped))
            wrapped.close()
            try:
                unwrapping()
            except OSError:
                pass


@suite.plain_test
def memory_bios_are_judged_too():
    server = capsa.server_context(identity())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for way in ("do_handshake", "write", "read"):
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        there = server.wrap_bio(to_server, to_client, server_side=True)
        here = wrong().wrap_bio(to_client, to_server)
        call = {
            "do_handshake": here.do_handshake,
            "write": lambda: here.write(b"a secret"),
            "read": lambda: here.read(1),
        }[way]
        for _ in range(10):
            try:
                call()
            except ssl.SSLWantReadError:
                pass
            except capsa.PolicyRefused:
                break
            try:
                there.do_handshake()
            except ssl.SSLWantReadError:
                pass
        raises(capsa.PolicyRefused, lambda: here.write(b"a secret"))
        there.do_handshake()
        raises(ssl.SSLWantReadError, lambda: there.read(1))


@suite.plain_test
def a_context_cannot_be_talked_out_of_it():
    """By what libraries do with contexts, and by sessions that were judged once."""
    context = wrong()
    context.verify_mode = ssl.CERT_NONE
    context.check_hostname = False
    equal(context.verify_mode, ssl.CERT_REQUIRED, "verify_mode")
    raises(ValueError, lambda: setattr(context, "check_hostname", True), "names")
    raises(AttributeError, lambda: setattr(context, "sslsocket_class", ssl.SSLSocket))
    raises(AttributeError, lambda: setattr(context, "sslobject_class", ssl.SSLObject))
    with web() as server:
        raises(capsa.PolicyRefused, lambda: http_client(server, context))
        server.was_told_nothing()
    with WebServer(capsa.server_context(identity(), tls12=True)) as server:
        plain = socket.create_connection(("127.0.0.1", server.port))
        with right().wrap_socket(plain) as first:
            kept = first.session
            raises(ValueError, lambda: setattr(first, "session", kept), "no evidence")
        for give in (
            lambda: context.wrap_socket(socket.socket(), session=kept),
            lambda: context.wrap_socket(socket.socket(), False, True, True, None, kept),
            lambda: context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), session=kept),
        ):
            raises(ValueError, give, "no evidence")


@suite.plain_test
def a_socket_of_another_class_is_no_judged_one():
    """As libraries make that put their own in the place of ssl's."""
    original = ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio
    ssl.SSLContext.wrap_socket = lambda *a, **n: socket.socket()
    ssl.SSLContext.wrap_bio = lambda *a, **n: object()
    try:
        raises(TypeError, lambda: right().wrap_socket(socket.socket()), "VerifiedSocket")
        bios = (ssl.MemoryBIO(), ssl.MemoryBIO())
        raises(TypeError, lambda: right().wrap_bio(*bios), "VerifiedObject")
    finally:
        ssl.SSLContext.wrap_socket, ssl.SSLContext.wrap_bio = original


@suite.plain_test
def a_session_that_leaves_its_context_is_refused():
    here, there = connected()
    with there, right().wrap_socket(here, do_handshake_on_connect=False) as wrapped:
        serving = in_thread(
            lambda: capsa.server_context(identity()).wrap_socket(there, server_side=True)
        )
        other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        other.check_hostname, other.verify_mode = False, ssl.CERT_NONE
        wrapped.context = other
        raises((capsa.EvidenceRefused, ssl.SSLError), wrapped.do_handshake)
        raises((capsa.EvidenceRefused, OSError), lambda: wrapped.send(b"a secret"))
        serving().close()


@suite.plain_test
def collateral_that_cannot_be_fetched_is_a_refusal_to_go_on():
    """Judging that was impossible is no acceptance."""

    def broken(_platform, _evidence):
        raise OSError("no network here")

    judge = capsa.Verifier(
        capsa.Policy.sgx(mr_enclave=measured()), getter=broken, root=root_of_simulation()
    )
    with web() as server:
        error = raises(capsa.CapsaError, lambda: http_client(server, capsa.client_context(judge)))
        contains(str(error), "no network here")
        server.was_told_nothing()


def root_of_simulation():
    from python_scene import platform, read

    return read(platform() + "/root.pem")


@suite.plain_test
def refusal_of_finds_it_behind_what_other_libraries_make_of_it():
    refused = raises(capsa.PolicyRefused, lambda: by_urllib_of(web(), wrong()))
    wrapped = urllib.error.URLError(refused)
    holds(capsa.refusal_of(wrapped) is refused, "through reason")
    try:
        try:
            raise refused
        except capsa.PolicyRefused:
            raise RuntimeError("something else")
    except RuntimeError as error:
        holds(capsa.refusal_of(error) is refused, "through context")
        holds(capsa.refusal_of(ValueError("x")) is None, "where there is none")


def by_urllib_of(server, context):
    with server:
        return by_urllib(server, context)


# ---- Keys, and who lives how long ----------------------------------------------------------------


@suite.plain_test
def the_key_is_in_no_file():
    opened = []

    def audit(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            opened.append(arguments[0])

    import sys

    sys.addaudithook(audit)
    before = set(os.listdir("/tmp"))
    capsa.server_context(identity())
    written = [path for path in opened if "pem" in path]
    equal(written, [], "files that were opened")
    new = [name for name in set(os.listdir("/tmp")) - before if "capsa" not in name]
    holds(not any("key" in name or "pem" in name for name in new), "new files: %r" % new)


@suite.plain_test
def a_system_without_memfd_uses_a_pipe():
    def none(*_arguments):
        raise OSError(38, "Function not implemented")

    kept, os.memfd_create = os.memfd_create, none
    before = len(os.listdir("/proc/self/fd"))
    try:
        context = capsa.server_context(identity())
    finally:
        os.memfd_create = kept
    equal(len(os.listdir("/proc/self/fd")), before, "descriptors")
    with WebServer(context) as server:
        holds(b"a secret" in http_client(server, right()), "answer")


@suite.plain_test
def contexts_may_outlive_everything_and_are_freed():
    import weakref

    context = capsa.server_context(identity())
    with WebServer(context) as server:
        client = right()
        gc.collect()
        holds(b"a secret" in http_client(server, client), "answer")
        gone = weakref.ref(client)
        del client
        gc.collect()
        holds(gone() is None, "the client's context is kept by something")
    gone = weakref.ref(context)
    del context
    server.context = None
    gc.collect()
    holds(gone() is None, "the server's context is kept by something")


@suite.plain_test
def many_threads_share_one_context():
    with web() as server:
        good, bad = right(), wrong()

        def work():
            for _ in range(5):
                holds(b"a secret" in http_client(server, good), "answer")
                raises(capsa.PolicyRefused, lambda: http_client(server, bad))

        for wait in [in_thread(work) for _ in range(6)]:
            wait()


if __name__ == "__main__":
    suite.main()
