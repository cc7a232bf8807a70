#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Libraries of others with the package's contexts: requests, httpx, uvicorn with FastAPI, grpcio. And
the package's own client for HTTPS. What is not installed is skipped, and says so."""

import asyncio
import concurrent.futures
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import time

from python_scene import (
    PATIENCE,
    ROOT,
    WRONG,
    Suite,
    WebServer,
    contains,
    equal,
    harness,
    holds,
    identity,
    in_thread,
    measured,
    needs,
    platform,
    raises,
    read,
    verifier,
)

import capsa

suite = Suite()
EXAMPLE = os.path.join(ROOT, "examples", "private-session")


def web():
    return WebServer(capsa.server_context(identity()))


# ---- The package's own client --------------------------------------------------------------------


@suite.plain_test
def the_client_sends_path_query_headers_and_body():
    with web() as server:
        client = capsa.Client(server.url + "/base/?key=1", verifier(), headers={"X-All": "a"})
        for call, line, body in (
            (lambda: client.get("x"), "GET /base/x?key=1 HTTP/1.1", ""),
            (lambda: client.get("/x?more=2"), "GET /base/x?key=1&more=2 HTTP/1.1", ""),
            (lambda: client.get(), "GET /base/?key=1 HTTP/1.1", ""),
            (lambda: client.post("x", data=b"\x01"), "POST /base/x?key=1 HTTP/1.1", "\x01"),
            (lambda: client.post("x", data="text"), "POST /base/x?key=1 HTTP/1.1", "text"),
            (lambda: client.post("x", json=[1]), "POST /base/x?key=1 HTTP/1.1", "[1]"),
        ):
            response = call()
            asked = response.json()
            equal((asked["line"], asked["body"]), (line, body), "request")
            equal(asked["headers"]["x-all"], "a", "header of every request")
            equal(asked["headers"]["connection"], "close", "what becomes of the connection")
            equal(response.verdict.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
        asked = client.get("x", {"X-One": "1", "X-All": "b"}).json()
        equal((asked["headers"]["x-one"], asked["headers"]["x-all"]), ("1", "b"), "headers")
        equal(asked["headers"]["host"], "127.0.0.1:%d" % server.port, "host")
        equal(server.handshakes, 7, "a connection for each request")
        before = server.handshakes
        with capsa.Client(server.url, verifier(), keep=True) as kept:
            for turn in range(3):
                contains(kept.get("/%d" % turn).json()["line"], "/%d" % turn)
        equal(server.handshakes, before + 1, "a connection for all requests")


@suite.plain_test
def the_client_refuses_before_a_byte_leaves():
    with web() as server:
        refused = raises(
            capsa.PolicyRefused,
            lambda: capsa.Client(server.url, verifier(WRONG)).post("x", data="a secret"),
            "reference-values",
        )
        equal(refused.check, "reference-values")
        server.was_told_nothing()


@suite.plain_test
def urls_that_are_none_are_errors():
    for url in ("http://host", "host:8000", "https://", "https://a:b@host", "https://host/#x"):
        raises(ValueError, lambda url=url: capsa.Client(url, verifier()))


# ---- requests and httpx --------------------------------------------------------------------------


def by_requests(url, judge):
    requests = needs("requests")
    from capsa.adapters import RequestsAdapter

    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", RequestsAdapter(judge))
        return session.post(url + "/x?y=1", data=b"a secret", timeout=PATIENCE).json()


def by_httpx(url, judge):
    httpx = needs("httpx")
    with httpx.Client(verify=capsa.client_context(judge), trust_env=False) as client:
        return client.post(url + "/x?y=1", content=b"a secret", timeout=PATIENCE).json()


def by_async_httpx(url, judge):
    httpx = needs("httpx")

    async def run():
        context = capsa.client_context(judge)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            return (await client.post(url + "/x?y=1", content=b"a secret", timeout=PATIENCE)).json()

    return asyncio.run(run())


def check_library(talk, *wrapped):
    with web() as server:
        asked = talk(server.url, verifier())
        equal(asked["line"], "POST /x?y=1 HTTP/1.1", "request")
        equal(asked["body"], "a secret", "body")
    with web() as server:
        try:
            talk(server.url, verifier(WRONG))
        except Exception as error:  # whatever the library makes of it
            holds(isinstance(error, (capsa.Refused, *wrapped)), "%r was raised" % error)
            refused = capsa.refusal_of(error)
            equal(refused and refused.check, "reference-values", "refusal behind %r" % error)
            contains(str(error), "reference-values", WRONG)
        else:
            raise AssertionError("it was accepted")
        server.was_told_nothing()


@suite.plain_test
def requests_works_and_is_refused_before_a_byte_leaves():
    check_library(by_requests)


@suite.plain_test
def requests_cannot_be_told_not_to_verify():
    requests = needs("requests")
    from capsa.adapters import RequestsAdapter

    with web() as server, requests.Session() as session:
        session.trust_env = False
        session.verify = False
        session.mount("https://", RequestsAdapter(verifier(WRONG)))
        raises(capsa.PolicyRefused, lambda: session.get(server.url, verify=False))
        server.was_told_nothing()


@suite.plain_test
def requests_warns_of_nothing():
    needs("requests")
    import warnings

    with warnings.catch_warnings(), web() as server:
        warnings.simplefilter("error")
        holds(by_requests(server.url, verifier()), "answer")


@suite.plain_test
def httpx_works_and_is_refused_before_a_byte_leaves():
    check_library(by_httpx)


@suite.plain_test
def httpx_of_asyncio_works_and_is_refused_before_a_byte_leaves():
    httpx = needs("httpx")
    check_library(by_async_httpx, httpx.ConnectError)


# ---- uvicorn and FastAPI: the example ------------------------------------------------------------


class Example:
    """examples/private-session/server.py on a port of its own."""

    def __init__(self, workers=2):
        needs("uvicorn")
        needs("fastapi")
        self.folder = harness.temporary_folder("session")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = "https://127.0.0.1:%d" % self.port
        self.log = open(self.folder + "/log", "w+b")
        self.process = subprocess.Popen(
            [sys.executable, EXAMPLE + "/server.py", "--port", str(self.port),
             "--workers", str(workers), "--state", self.folder + "/state",
             "--simulation", platform()],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "bindings", "python"),
                 "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self.measured = measured(EXAMPLE + "/server.py")
        self.verifier = verifier(self.measured)
        try:
            self.wait_for(lambda text: text.count("Application startup complete") >= workers)
        except BaseException:
            self.process.kill()
            raise

    def text(self):
        return read(self.folder + "/log").decode("utf-8", "replace")

    def workers(self):
        """Their process numbers, of all that were ever started."""
        return set(re.findall(r"Started server process \[(\d+)\]", self.text()))

    def wait_for(self, holds_of):
        ends = time.monotonic() + PATIENCE
        while not holds_of(self.text()):
            holds(self.process.poll() is None, "the server ended: " + self.text()[-1500:])
            holds(time.monotonic() < ends, "in vain: " + self.text()[-1500:])
            select.select([], [], [], 0.05)  # a file that grows tells nobody

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the server does not stop: " + self.text()[-1500:])
        self.log.close()
        holds(status in (0, -signal.SIGTERM), "exit status %s: %s" % (status, self.text()[-1500:]))


def example():
    return suite.shared("example_server", Example)


@suite.plain_test
def two_workers_of_uvicorn_share_one_identity():
    server = example()
    equal(len(server.workers()), 2, "workers")
    shown = set()
    for _ in range(8):
        certificate, verdict = capsa.fetch_certificate("127.0.0.1", server.port, server.verifier)
        shown.add(certificate)
        equal(verdict.claims["sgx.mr_enclave"].text, server.measured, "mr_enclave")
    equal(len(shown), 1, "certificates")
    client = capsa.Client(server.url, server.verifier)
    equal(client.get().json(), {"message": "Hello World"}, "GET /")
    equal(client.get("get_headers", {"X-Mine": "1"}).json()["x-mine"], "1", "GET /get_headers")
    said = client.post("log_body", json={"message": "the word is 4711"})
    equal(said.json(), {"message": "Success"}, "POST /log_body")
    server.wait_for(lambda text: "the word is 4711" in text)


@suite.plain_test
def the_examples_client_works_and_refuses_with_status_2():
    server = example()
    run = lambda measurement: harness.run(  # noqa: E731
        sys.executable, EXAMPLE + "/client.py", server.url, "--mr-enclave", measurement,
        "--simulation", platform(), "--message", "never with the wrong one",
        env={**os.environ, "PYTHONPATH": os.path.join(ROOT, "bindings", "python")},
    )  # fmt: skip
    status, out, errors = run(WRONG)
    equal(status, 2, "exit status (%s)" % errors)
    contains(errors, "refused: reference-values", WRONG, server.measured)
    equal(out, "", "what it said beside")
    holds("never with the wrong one" not in server.text(), "the message was sent")
    status, out, errors = run(server.measured)
    equal(status, 0, "exit status (%s)" % errors)
    contains(out, "Hello World", '"x-mine":"1"', "Success", server.measured)


@suite.plain_test
def the_workers_are_exchanged_when_the_certificate_is():
    server = example()
    before, _ = capsa.fetch_certificate("127.0.0.1", server.port, server.verifier)
    fresh = identity(code=EXAMPLE + "/server.py")
    state = server.folder + "/state"
    fresh.write(key_path=state + "/key.pem", cert_path=state + "/cert.pem")
    old = server.workers()
    os.kill(server.process.pid, signal.SIGHUP)
    server.wait_for(lambda _: not any(os.path.exists("/proc/" + pid) for pid in old))
    server.wait_for(lambda text: text.count("Application startup complete") >= 4)
    after, _ = capsa.fetch_certificate("127.0.0.1", server.port, server.verifier)
    equal(after, fresh.certificate("der"), "certificate")
    holds(before != after, "the certificate is the old one")


@suite.plain_test
def requests_of_many_threads_reach_both_workers():
    server = example()
    client = capsa.Client(server.url, server.verifier)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.get().json()["message"], range(32)))
    equal(set(answers), {"Hello World"}, "answers")


@suite.plain_test
def one_process_of_uvicorn_takes_the_context_and_its_renewals():
    uvicorn = needs("uvicorn")

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    context = capsa.server_context(identity())
    listener = socket.create_server(("127.0.0.1", 0))
    url = "https://127.0.0.1:%d" % listener.getsockname()[1]
    config = uvicorn.Config(
        app, ssl_context_factory=lambda *_: context, log_level="critical", lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = in_thread(lambda: asyncio.run(server.serve(sockets=[listener])))
    try:
        seen = set()
        for _ in range(2):
            equal(capsa.Client(url, verifier()).get().read(), b"hello", "answer")
            seen.add(capsa.fetch_certificate(*listener.getsockname(), verifier())[0])
            context.renew()
        equal(len(seen), 2, "certificates")
    finally:
        server.should_exit = True
        serving()


# ---- grpcio --------------------------------------------------------------------------------------


class Greeter:
    """A server of grpcio's own with our certificate, which keeps what it is asked."""

    def __init__(self, made, port=0):
        grpc = needs("grpc")
        self.asked = []

        def greet(request, _context):
            self.asked.append(request)
            return b"hello " + request

        handler = grpc.method_handlers_generic_handler(
            "test.Greeter", {"Greet": grpc.unary_unary_rpc_method_handler(greet)}
        )
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers((handler,))
        credentials = grpc.ssl_server_credentials([(made.key(), made.certificate())])
        self.port = self.server.add_secure_port("127.0.0.1:%d" % port, credentials)
        self.target = "127.0.0.1:%d" % self.port
        self.server.start()

    def stop(self):
        self.server.stop(None).wait(PATIENCE)


def greet(channel):
    return channel.unary_unary("/test.Greeter/Greet")


@suite.plain_test
def grpcio_talks_to_the_server_that_was_judged():
    needs("grpc")
    from capsa import grpcio

    for key in ("p256", "p384", "rsa3072"):
        server = Greeter(identity(key=key))
        try:
            pin = grpcio.grpc_credentials(server.target, verifier())
            equal(pin.verdict.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
            with grpcio.secure_channel(server.target, verifier()) as channel:
                equal(greet(channel)(b"me", timeout=PATIENCE), b"hello me", "answer with " + key)
        finally:
            server.stop()


@suite.plain_test
def grpcio_is_not_even_started_for_the_wrong_server():
    needs("grpc")
    from capsa import grpcio

    server = Greeter(identity())
    try:
        raises(
            capsa.PolicyRefused,
            lambda: grpcio.secure_channel(server.target, verifier(WRONG)),
            "reference-values",
        )
        equal(server.asked, [], "what the server was asked")
    finally:
        server.stop()


@suite.plain_test
def grpcio_does_not_follow_a_server_that_was_exchanged_after_it_was_judged():
    """Another certificate, be it as genuine: pinned is what was judged."""
    grpc = needs("grpc")
    from capsa import grpcio

    first = Greeter(identity())
    pin = grpcio.grpc_credentials(first.target, verifier())
    first.stop()
    second = Greeter(identity(), first.port)
    try:
        with grpc.secure_channel(second.target, pin.credentials, options=pin.options) as channel:
            try:
                greet(channel)(b"a secret", timeout=PATIENCE)
            except grpc.RpcError as error:
                equal(error.code(), grpc.StatusCode.UNAVAILABLE, "status")
            else:
                raise AssertionError("it talked to another server")
        equal(second.asked, [], "what the other server was asked")
    finally:
        second.stop()


@suite.plain_test
def grpcio_follows_a_renewal_that_is_judged_anew():
    needs("grpc")
    from capsa import grpcio

    first = Greeter(identity())
    stub = grpcio.Reconnecting(first.target, verifier(), greet)
    call = lambda text: stub.call(lambda s: s(text, timeout=PATIENCE))  # noqa: E731
    equal(call(b"one"), b"hello one", "before")
    old = stub.certificate
    first.stop()
    second = Greeter(identity(), first.port)
    try:
        equal(call(b"two"), b"hello two", "after")
        holds(stub.certificate != old, "the certificate is the old one")
    finally:
        second.stop()
    # The third is another program: it is refused, and told nothing.
    third = Greeter(identity(code=os.path.abspath(__file__)), first.port)
    try:
        raises(capsa.PolicyRefused, lambda: call(b"a secret"), "reference-values")
        equal(third.asked, [], "what the third server was asked")
    finally:
        third.stop()
        stub.close()


@suite.plain_test
def grpcio_of_a_server_that_is_gone_fails_as_grpcio_does():
    """Callers catch grpc.RpcError, and look at its status."""
    grpc = needs("grpc")
    from capsa import grpcio

    server = Greeter(identity())
    stub = grpcio.Reconnecting(server.target, verifier(), greet)
    call = lambda text: stub.call(lambda s: s(text, timeout=PATIENCE))  # noqa: E731
    server.stop()
    failure = raises(grpc.RpcError, lambda: call(b"one"))
    equal(failure.code(), grpc.StatusCode.UNAVAILABLE, "status")
    again = Greeter(identity(), server.port)
    try:
        equal(call(b"two"), b"hello two", "when it is back")
    finally:
        again.stop()
        stub.close()


@suite.plain_test
def the_name_in_a_certificate_is_found_or_its_absence_told():
    needs("grpc")
    from capsa import grpcio

    der = identity().certificate("der")
    holds(grpcio.name_in(der), "a name")
    for end in range(len(der) - 1):  # truncated anywhere: a name, or an error that says so
        try:
            grpcio.name_in(der[:end])
        except capsa.Malformed:
            continue
        raise AssertionError("a certificate of %d bytes was read" % end)
    folder = harness.temporary_folder("names")
    for more, name in (
        (["-addext", "subjectAltName=DNS:alt.example"], "alt.example"),
        ([], "common"),
    ):
        harness.run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", folder + "/key", "-out", folder + "/cert", "-subj", "/CN=common",
            *more,
        )  # fmt: skip
        pem = read(folder + "/cert").decode()
        equal(grpcio.name_in(ssl.PEM_cert_to_DER_cert(pem)), name, "name")


if __name__ == "__main__":
    suite.main()
