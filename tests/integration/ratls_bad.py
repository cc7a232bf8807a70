#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `capsa ratls verify`, `connect`, `serve` and `proxy` make of certificates that are wrong in every known way
(interop/ratls_cases.py): each is refused with its check named, nothing passes through a channel whose other end was
refused, and whoever comes next is served. CAPSA_BIN is the folder of the programs. Ends with a line "N passed, N failed, N
skipped"."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import CAPSA, Suite, equal, holds, run
from ratls_cases import CASES
from ratls_certs import GRPC, certificate, extension, pem
from ratls_scene import Closed, Echo, Impostor, Platform, Tunnel, Wire, echoes, plain_talk, until

suite = Suite()
test = suite.test
platform = Platform()
echo = Echo()
UNBOUND = ["--insecure-unbound"]


def impostor():
    return suite.shared("impostor", lambda: Stopless(Impostor(platform.folder)))


class Stopless:
    """What ends with this process, among a suite's shared things."""

    def __init__(self, thing):
        self.thing = thing

    def __getattr__(self, name):
        return getattr(self.thing, name)

    def stop(self):
        pass


def names(line, check):
    """A line names exactly this check: "certificate" is not "certificate-key"."""
    return re.search(r"(?<![\w-])%s(?![\w-])" % re.escape(check), line)


def own_pem(name="own"):
    """A good certificate of the platform's program, as PEM: its path and its key's."""
    path = platform.path(name + ".good.pem")
    if not os.path.exists(path):
        key = platform.maker.key(name)
        with open(path, "wb") as file:
            file.write(pem(certificate(key, [platform.maker.dice(key)])))
    return path, platform.maker.key(name).path


# ---- Certificates ---------------------------------------------------------------------------------


def judged(case, *words):
    """What `capsa ratls verify` says of a case: its failed check (None: accepted), and its status."""
    path = platform.path("case.der")
    with open(path, "wb") as file:
        file.write(case.der(platform.maker))
    status, out, err = run(CAPSA, "ratls", "verify", "-o", "json", "--cert", path, *platform.judging, *words)
    holds(out.strip(), "%s: no verdict: %s" % (case.name, err[-400:]))
    answer = json.loads(out)
    return answer["failed_check"] or None, status, answer["reason"]


def all_cases(look):
    """Every case, and in the end all of them that are not as they should be."""
    wrong = []
    for case in CASES:
        try:
            look(case)
        except (AssertionError, Closed) as error:
            wrong.append("%s: %s" % (case.name, error))
    holds(not wrong, "%d of %d: %s" % (len(wrong), len(CASES), "; ".join(wrong)))


@test
def verify_names_the_check_of_every_wrong_certificate():
    def look(case):
        check, status, reason = judged(case, *(["--native"] if case.native else []))
        equal((check, status), (case.check, case.status), "check and status (%s)" % reason)

    all_cases(look)


@test
def P24_a_long_life_is_told_to_whoever_is_not_strict():
    case = next(case for case in CASES if case.native)
    check, status, _ = judged(case)
    equal((check, status), (None, 0), "check and status")


@test
def grpcs_certificates_are_taken_by_whoever_says_insecure():
    """X.509 version 1, RSA-2048, SHA-1, as grpc-ra-tls makes them."""
    key = platform.maker.key("rsa", "rsa2048")
    path = platform.path("grpc.pem")
    with open(path, "wb") as file:
        file.write(pem(certificate(key, [extension(GRPC, platform.maker.bound(key.spki))], version=1, digest="sha1")))
    words = [CAPSA, "ratls", "verify", "-o", "json", "--cert", path, *platform.judging]
    status, out, _ = run(*words)
    equal((status, json.loads(out)["failed_check"]), (3, "certificate"), "status and check without the option")
    equal(run(*words, "--insecure-old-x509")[0], 0, "status with it")
    serve = ["serve", *platform.proving, *platform.judging, *UNBOUND]
    with Tunnel(*serve, target=echo.port) as today, Tunnel(*serve, "--insecure-old-x509", target=echo.port) as old:
        echoes(Wire.to(old.port, certificate=path, key=key.path).handshake())
        try:
            echoes(Wire.to(today.port, certificate=path, key=key.path).handshake())
            raise AssertionError("was served without the option")
        except Closed:
            pass


def reached(case):
    """In compatibility, as all unbound channels are, a long life is no refusal."""
    return None if case.native else case.check


@test
def connect_refuses_every_server_with_a_wrong_certificate():
    server, own = impostor(), platform.maker.key()

    def look(case):
        server.show(case.der(platform.maker), own.path)
        status, out, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % server.port, *platform.judging, *UNBOUND, stdin="secret")
        if reached(case) is None:
            equal(status, 0, "status (%s)" % err[-400:])
            equal(server.received, b"secret", "what the server was sent")
            return
        equal(server.received, b"", "what a refused server was sent")
        holds(out == "", "output of a refused connection: %r" % out)
        if len(server.der) <= 131072:
            equal(status, case.status, "status (%s)" % err[-400:])
            holds(names(err, case.check), "%s is not named: %s" % (case.check, err[-400:]))
        else:
            holds(status != 0 and "large" in err or "size" in err, err[-400:])

    all_cases(look)


@test
def serve_refuses_every_client_with_a_wrong_certificate():
    own = platform.maker.key()
    with Tunnel("serve", *platform.proving, *platform.judging, *UNBOUND, target=echo.port) as tunnel:

        def look(case):
            path = platform.path("client.pem")
            with open(path, "wb") as file:
                file.write(pem(case.der(platform.maker)))
            before, seen = len(tunnel.said()), echo.connections
            wire = Wire.to(tunnel.port, certificate=path, key=own.path)
            try:
                echoes(wire.handshake())
                holds(reached(case) is None, "was served")
            except Closed as how:
                holds(reached(case) is not None, "was refused: %s; %s" % (how, tunnel.said()[before:]))
                equal(echo.connections, seen, "connections to the service")
                if len(case.der(platform.maker)) < 131072:
                    until(lambda: names(tunnel.said()[before:], case.check),
                          lambda: "%s: %s" % (case.check, tunnel.said()[before:][-600:]), 20)
            finally:
                wire.close()
            holds(tunnel.alive(), "the server ended")

        all_cases(look)
        echoes(Wire.to(tunnel.port, certificate=own_pem()[0], key=own_pem()[1]).handshake())


@test
def proxy_refuses_every_server_with_a_wrong_certificate():
    server, own = impostor(), platform.maker.key()
    with Tunnel("proxy", *platform.judging, *UNBOUND, target=server.port) as tunnel:

        def look(case):
            server.show(case.der(platform.maker), own.path, act=lambda wire: echo_once(wire.handshake()))
            before = len(tunnel.said())
            got = plain_talk(tunnel.port, b"secret")
            if reached(case) is None:
                equal(got, b"secret", "what came back")
                return
            equal(got, b"", "what came through a refused channel")
            if len(case.der(platform.maker)) < 131072:
                until(lambda: names(tunnel.said()[before:], case.check),
                      lambda: "%s: %s" % (case.check, tunnel.said()[before:][-600:]), 20)

        all_cases(look)
        holds(tunnel.alive(), "the proxy ended")


def echo_once(wire):
    wire.send(wire.receive())
    wire.drain()
    wire.end()


if __name__ == "__main__":
    suite.main()
