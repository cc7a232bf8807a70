#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`capsa ratls serve`, `proxy` and `connect` with peers without manners: who stall, end or reset at each step, speak out of
turn, send everything in single bytes, or come in thousands and say nothing. All are cut within their limits, nothing of them
reaches the service, no open file is left of them, and whoever comes meanwhile is served. CAPSA_BIN is the folder of the
programs. Ends with a line "N passed, N failed, N skipped"."""
import os
import resource
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import CAPSA, FULL, Suite, contains, equal, holds, run
from ratls_certs import certificate
from ratls_scene import (ACCEPTED, BOUND, EVIDENCE, NO_EVIDENCE, REFUSED, Closed, Echo, Impostor, Platform, Tunnel, Wire, echoes,
                         message, plain_talk, until)

suite = Suite()
test = suite.test
platform = Platform()
echo = Echo()
UNBOUND = ["--insecure-unbound"]
HANDSHAKE, PROOF = 2, 4  # seconds: the limits that the processes here are given
LIMITS = ["--handshake-seconds", str(HANDSHAKE), "--evidence-seconds", str(PROOF)]
SLACK = 6  # of a busy machine with sanitizers, beyond a limit


def shared(name, make):
    """A tunnel that several tests use; stopped, and looked at, in the end."""
    return suite.shared(name, make)


def bound_server():
    return shared("bound_server", lambda: Tunnel("serve", *platform.proving, *LIMITS, target=echo.port))


def asking_server():
    return shared("asking_server", lambda: Tunnel("serve", *platform.proving, *platform.judging, *LIMITS, target=echo.port))


def unbound_server():
    return shared("unbound_server", lambda: Tunnel("serve", *platform.proving, *LIMITS, *UNBOUND, target=echo.port))


def good_client(server):
    """Something that has bytes go through the bound server and back."""
    return shared("good_client_of_%d" % server.port,
                  lambda: Tunnel("proxy", *platform.judging, target=server.port))


def nothing_came_of(step, server):
    """Run `step`; afterwards nothing has reached the service, and the server has no more files open than before."""
    files, seen = server.files(), echo.bytes
    step()
    until(lambda: server.files() <= files, lambda: "%d open files, not %d" % (server.files(), files), 30)
    equal(echo.bytes, seen, "bytes that reached the service")
    holds(server.alive(), "the server ended: " + server.said()[-1000:])


# ---- Clients, up to a step ------------------------------------------------------------------------


def connected(wire):
    """TCP, and no more."""


def half_a_hello(wire):
    hello = wire.hello()
    wire.socket.sendall(hello[: len(hello) // 2])


def hello_sent(wire):
    wire.socket.sendall(wire.hello())


def hands_shaken(wire):
    wire.handshake()


def half_a_head(wire):
    wire.handshake()
    wire.send(b"\1\0")


def half_a_message(wire):
    wire.handshake()
    wire.send(message(EVIDENCE, bytes(5000))[:100])


def half_a_refusal(wire):
    """Of what also a client says that nobody asks."""
    wire.handshake()
    wire.send(message(NO_EVIDENCE) + message(REFUSED, b"format")[:6])


def evidence_seen(wire):
    """The server's is here; ours is said to be none; whether it is accepted is not said."""
    wire.handshake()
    wire.post(NO_EVIDENCE)
    equal(wire.message()[0], EVIDENCE, "type of the server's first message")


STEPS = {connected: HANDSHAKE, half_a_hello: HANDSHAKE, hello_sent: HANDSHAKE, hands_shaken: PROOF, half_a_head: PROOF,
         half_a_message: PROOF, evidence_seen: PROOF}


def dripped_hello(wire):
    drip(wire.socket.sendall, wire.hello())


def dripped_message(wire):
    wire.handshake()
    drip(wire.send, message(EVIDENCE, bytes(5000)))


def drip(send, data):
    """A byte every now and then, for as long as they are taken: each alone is in time."""
    for at in range(len(data)):
        try:
            send(data[at:at + 1])
        except OSError as error:
            raise Closed(str(error)) from error
        threading.Event().wait(0.2)


def at_once(jobs):
    """Run functions at once; the failures of all."""
    failed = []

    def guarded(job):
        try:
            job()
        except Exception as error:  # told below, of every thread
            failed.append("%s: %s" % (type(error).__name__, error))

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    holds(not failed, "; ".join(failed))


def cut_in_time(port, step, limit):
    wire = Wire.to(port, alpn=BOUND)
    began = time.monotonic()
    try:
        step(wire)
        wire.drain()
    except Closed:
        pass
    took = time.monotonic() - began
    wire.close()
    holds(limit * 0.7 <= took <= limit + SLACK, "%s: cut after %.1f s, the limit is %d s" % (step.__name__, took, limit))


@test
def a_client_that_stalls_is_cut_at_each_step_in_time():
    server = bound_server()
    client = good_client(server)
    steps = {**STEPS, dripped_hello: HANDSHAKE, half_a_refusal: PROOF}
    del steps[half_a_message]  # who is not asked for evidence may not begin any
    jobs = [lambda step=step, limit=limit: cut_in_time(server.port, step, limit) for step, limit in steps.items()]

    def served_meanwhile():
        equal(plain_talk(client.port, b"meanwhile"), b"meanwhile", "what came back")

    before = echo.connections
    at_once([*jobs, served_meanwhile])
    equal(echo.connections, before + 1, "connections to the service: the good one's")
    nothing_came_of(lambda: None, server)


@test
def a_client_that_stalls_is_cut_where_clients_are_asked_too():
    server = asking_server()
    steps = {step: limit for step, limit in STEPS.items() if step is not evidence_seen}
    steps[dripped_message] = PROOF
    own = own_files()
    nothing_came_of(lambda: at_once([lambda step=step, limit=limit: cut_with(own, server.port, step, limit)
                                     for step, limit in steps.items()]), server)


def own_files():
    cert, key = platform.path("own.crt"), platform.path("own.key")
    return (cert, key) if os.path.exists(cert) else platform.certificate("own")


def cut_with(own, port, step, limit):
    wire = Wire.to(port, alpn=BOUND, certificate=own[0], key=own[1])
    began = time.monotonic()
    try:
        step(wire)
        wire.drain()
    except Closed:
        pass
    took = time.monotonic() - began
    holds(limit * 0.7 <= took <= limit + SLACK, "%s: cut after %.1f s, the limit is %d s" % (step.__name__, took, limit))


@test
def evidence_that_nobody_asked_for_is_cut_by_its_head():
    wire = Wire.to(bound_server().port, alpn=BOUND)
    began = time.monotonic()
    try:
        half_a_message(wire)
        wire.drain()
    except Closed:
        pass
    wire.close()
    took = time.monotonic() - began
    holds(took < PROOF * 0.7, "cut after %.1f s, with the limit" % took)


@test
def a_client_that_ends_or_resets_at_any_step_leaves_nothing():
    server = bound_server()

    def ended(wire):
        wire.socket.shutdown(socket.SHUT_WR)
        wire.drain()
        wire.close()

    def one(step, leave):
        wire = Wire.to(server.port, alpn=BOUND)
        step(wire)
        leave(wire)

    for step in STEPS:
        for leave in (ended, Wire.reset, Wire.close):
            nothing_came_of(lambda step=step, leave=leave: one(step, leave), server)
    equal(plain_talk(good_client(server).port, b"afterwards"), b"afterwards", "what came back")


# ---- Servers, up to a step ------------------------------------------------------------------------


def server_flight_cut(wire):
    """Half of what answers a hello."""
    wire.pull()
    flight = wire.hello()
    wire.socket.sendall(flight[: len(flight) // 2])
    wire.socket.recv(1 << 16)


def silent(wire):
    while wire.socket.recv(1 << 16):
        pass


def then_silent(step):
    def act(wire):
        step(wire)
        wire.drain()

    act.__name__ = step.__name__
    return act


def half_of_a_servers_evidence(wire):
    wire.handshake()
    wire.send(message(EVIDENCE, bytes(5000))[:100])


SERVER_STEPS = {silent: HANDSHAKE, then_silent(server_flight_cut): HANDSHAKE, then_silent(hands_shaken): PROOF,
                then_silent(half_of_a_servers_evidence): PROOF}


def good_certificate():
    key = platform.maker.key()
    return certificate(key, [platform.maker.dice(key)]), key.path


def stalling_servers():
    """An impostor for each step; they differ by their ports."""
    for act, limit in SERVER_STEPS.items():
        folder = platform.path("stall-" + act.__name__)
        os.makedirs(folder, exist_ok=True)
        server = Impostor(folder)
        server.show(*good_certificate(), act=act, alpn=BOUND)
        yield act.__name__, server.port, limit


@test
def a_server_that_stalls_is_left_at_each_step_in_time():
    def one(name, port, limit):
        began = time.monotonic()
        status, out, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % port, *platform.judging, *LIMITS, stdin="secret")
        took = time.monotonic() - began
        holds(status not in (0, 2) and out == "", "%s: status %d, output %r" % (name, status, out))
        holds(err.strip(), "%s: nothing was said" % name)
        holds(limit * 0.7 <= took <= limit + SLACK, "%s: left after %.1f s, the limit is %d s" % (name, took, limit))

    at_once([lambda words=words: one(*words) for words in stalling_servers()])


@test
def a_proxy_cuts_its_clients_when_the_server_stalls():
    def one(name, port, limit):
        # One limit for all of dialling, the handshake included.
        with Tunnel("proxy", *platform.judging, *LIMITS, "--connect-seconds", str(HANDSHAKE), target=port) as tunnel:
            began = time.monotonic()
            equal(plain_talk(tunnel.port, b"secret"), b"", name + ": what came back")
            took = time.monotonic() - began
            holds(limit * 0.7 <= took <= limit + SLACK, "%s: cut after %.1f s, the limit is %d s" % (name, took, limit))

    at_once([lambda words=words: one(*words) for words in stalling_servers()])


# ---- Out of turn ----------------------------------------------------------------------------------

OUT_OF_TURN = {
    "an unknown type": message(9),
    "type 0": message(0),
    "accepted before anything was shown": message(ACCEPTED),
    "nothing to show, twice": message(NO_EVIDENCE) * 2,
    "nothing to show, with content": message(NO_EVIDENCE, b"x"),
    "evidence of 16 MiB": bytes([EVIDENCE]) + b"\xff\xff\xff" + bytes(100),
    "accepted, with content": message(NO_EVIDENCE) + message(ACCEPTED, b"x"),
    "refused, and on": message(NO_EVIDENCE) + message(REFUSED, b"tcb") + b"data",
    "data at once": b"GET / HTTP/1.1\r\nHost: service\r\n\r\n",
    "random bytes": bytes(range(7, 255)),
}


@test
def whoever_speaks_out_of_turn_is_cut_and_told_of():
    server = bound_server()

    def one(name, data):
        before = len(server.said())
        wire = Wire.to(server.port, alpn=BOUND).handshake()
        wire.send(data)
        wire.drain()
        wire.close()
        until(lambda: server.said()[before:].count("\n") > 0, "a line about " + name, 20)

    for name, data in OUT_OF_TURN.items():
        nothing_came_of(lambda name=name, data=data: one(name, data), server)


@test
def without_our_protocol_there_is_no_handshake_with_a_bound_server():
    server = bound_server()

    def one(alpn):
        try:
            Wire.to(server.port, alpn=alpn).handshake().receive()
        except Closed:
            return
        raise AssertionError("was served, with ALPN %s" % alpn)

    for alpn in (None, "h2", "http/1.1", "capsa-ratls/2", BOUND + "+h2"):
        nothing_came_of(lambda alpn=alpn: one(alpn), server)


@test
def what_a_server_says_does_not_reach_the_terminal():
    server = Impostor(platform.folder)

    def refuse(wire):
        wire.handshake()
        wire.post(REFUSED, b"\x1b]0;owned\x07\x1b[31mtcb\r\n")
        wire.drain()

    server.show(*good_certificate(), act=refuse, alpn=BOUND)
    status, _, err = run(CAPSA, "ratls", "connect", "127.0.0.1:%d" % server.port, *platform.judging, stdin="")
    holds(status != 0, "status 0")
    holds("\x1b" not in err and "\x07" not in err and "\r" not in err, repr(err))


# ---- Single bytes ---------------------------------------------------------------------------------


def in_single_byte_records(record_bytes):
    """The plain records of a first flight, each byte of them in a record of its own."""
    out, at = b"", 0
    while at < len(record_bytes):
        size = int.from_bytes(record_bytes[at + 3:at + 5], "big")
        for byte in record_bytes[at + 5:at + 5 + size]:
            out += record_bytes[at:at + 3] + b"\0\1" + bytes([byte])
        at += 5 + size
    return out


@test
def everything_may_come_in_records_of_one_byte():
    for server, alpn in ((unbound_server(), None), (bound_server(), BOUND)):
        wire = Wire.to(server.port, alpn=alpn)
        wire.socket.sendall(in_single_byte_records(wire.hello()))
        wire.handshake()
        if alpn:
            for byte in message(NO_EVIDENCE):
                wire.send(bytes([byte]))
            equal(wire.message()[0], EVIDENCE, "type of the first message")
            for byte in message(ACCEPTED):
                wire.send(bytes([byte]))
            equal(wire.message(), (ACCEPTED, b""), "the second message")
        text = bytes(range(256)) * 4
        for byte in text:
            wire.send(bytes([byte]))
        equal(wire.receive_all(len(text)), text, "what came back")
        wire.close()


@test
def everything_may_come_in_segments_of_one_byte():
    wire = Wire.to(unbound_server().port)
    for byte in wire.hello():
        wire.socket.sendall(bytes([byte]))
    echoes(wire.handshake())
    wire.close()


# ---- Half-closing ---------------------------------------------------------------------------------


@test
def who_ends_his_direction_still_gets_what_is_under_way():
    data = os.urandom(1 << 20)
    wire = Wire.to(unbound_server().port).handshake()
    got = b""
    for at in range(0, len(data), 1 << 14):
        wire.send(data[at:at + (1 << 14)])
    wire.end()
    try:
        while True:
            got += wire.receive()
    except Closed as how:
        contains(str(how), "close_notify")
    equal(len(got), len(data), "bytes that came back")
    holds(got == data, "other bytes came back")


@test
def a_stream_that_is_cut_is_no_stream_that_has_ended():
    """FIN without TLS's close: whoever cuts the wire can make that, so the service must not take it for an end."""
    server = unbound_server()
    before = len(server.said())
    wire = Wire.to(server.port).handshake()
    echoes(wire)
    wire.socket.shutdown(socket.SHUT_WR)
    wire.drain()
    wire.close()
    until(lambda: server.said()[before:].strip(), "a line that it was cut", 20)


# ---- Thousands ------------------------------------------------------------------------------------

IDLE = 10000 if FULL else 500


def allowed_files(wanted):
    """Raise the limit of open files, here and for what is started, as far as this user may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        return wanted
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard


@test
def thousands_of_idle_connections_leave_room_for_one_more():
    files = allowed_files(2 * IDLE + 2000)
    count = min(IDLE, (files - 500) // 2)
    if count < IDLE:
        print("skipped %d of %d idle connections: this user may have %d files open" % (IDLE - count, IDLE, files))
    with Tunnel("serve", *platform.proving, *UNBOUND, "--evidence-seconds", "120", "--handshake-seconds", "120",
                target=echo.port) as server:
        first = Wire.to(server.port).handshake()
        echoes(first)
        before, joined, idle = server.memory_kib(), echo.open, []
        for _ in range(count):
            wire = Wire.to(server.port).handshake()
            idle.append(wire.socket)  # its TLS is forgotten here: the server does not know
        until(lambda: echo.open >= joined + count, lambda: "%d connections at the service" % echo.open)
        print("%d idle connections: %.1f KiB each in the server" % (count, (server.memory_kib() - before) / count))
        began = time.monotonic()
        echoes(first)
        echoes(Wire.to(server.port).handshake())
        holds(time.monotonic() - began < 10, "one more client waited for %.1f s" % (time.monotonic() - began))
        for connection in (*idle, first.socket):
            connection.close()
        until(lambda: echo.open < joined, lambda: "%d connections at the service" % echo.open)


if __name__ == "__main__":
    suite.main()
