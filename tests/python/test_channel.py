#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Channels: connections whose peer proved itself for this very session, used as sockets are."""

import gc
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time

import python_scene
from python_scene import (
    CAPSA,
    PATIENCE,
    WRONG,
    Suite,
    connected,
    contains,
    equal,
    harness,
    holds,
    identity,
    in_thread,
    measured,
    platform,
    raises,
    read,
    verifier,
)

import capsa

suite = Suite()


def pair(client, server):
    """Two channels that are joined, or what each end got instead."""
    here, there = connected()
    accepting = in_thread(lambda: server.accept(there))
    return client.wrap(here), accepting()


def usual():
    return pair(capsa.ChannelClient(verifier()), capsa.ChannelServer(identity()))


@suite.plain_test
def a_channel_is_bound_and_tells_what_was_proved():
    client, server = usual()
    with client, server:
        holds(client.bound and server.bound, "both ends are bound")
        equal(client.verdict.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
        equal(server.verdict, None, "the client proved nothing")
        equal(server.certificate, None, "the client showed nothing")
        equal(capsa.Certificate(client.certificate).form, "dice", "certificate")
        client.sendall(b"hello")
        equal(server.read(5), b"hello", "what arrived")
        equal(server.write(memoryview(b"welcome")), 7, "bytes")
        equal(client.recv(100), b"welcome", "answer")


@suite.plain_test
def sizes_and_times_below_zero_are_errors_as_with_sockets():
    """A size below zero is a huge one to C, which would write behind the buffer's end."""
    client, server = usual()
    with client, server:
        server.sendall(b"x" * 100)
        room = bytearray(200)
        raises(ValueError, lambda: client.recv_into(room, -1), "-1")
        raises(ValueError, lambda: client.recv(-1))
        raises(ValueError, lambda: client.settimeout(-1))
        equal(bytes(room), bytes(200), "what was written")
        equal(client.recv_into(memoryview(room)[:10], 50), 10, "bytes")
        equal(client.recv_into(room, 7), 7, "bytes")


@suite.plain_test
def both_ends_may_have_to_prove_themselves():
    client, server = pair(
        capsa.ChannelClient(verifier(), identity()), capsa.ChannelServer(identity(), verifier())
    )
    with client, server:
        equal(server.verdict.claims["sgx.mr_enclave"].text, measured(), "of the client")
    for asked, shown in ((verifier(WRONG), identity()), (verifier(), None)):
        here, there = connected()
        accepting = in_thread(
            lambda asked=asked, there=there: capsa.ChannelServer(identity(), asked).accept(there)
        )
        raises(capsa.CapsaError, lambda: capsa.ChannelClient(verifier(), shown).wrap(here))
        raises(capsa.CapsaError, accepting)


@suite.plain_test
def a_wrong_measurement_is_refused_by_name_with_its_verdict_and_nothing_arrives():
    here, there = connected()
    accepting = in_thread(lambda: capsa.ChannelServer(identity()).accept(there))
    refused = raises(
        capsa.PolicyRefused,
        lambda: capsa.ChannelClient(verifier(WRONG)).wrap(here),
        "reference-values",
        WRONG,
    )
    equal(refused.check, "reference-values", "check")
    equal(refused.verdict.failed_check, "reference-values", "check of the verdict")
    raises(capsa.CapsaError, accepting)


@suite.plain_test
def A26_a_bound_client_takes_no_unbound_server():
    """Whoever relays has the certificate and its key, and no evidence of this session."""
    here, there = connected()
    context = capsa.server_context(identity(), tls12=True)

    def serve():
        try:
            with context.wrap_socket(there, server_side=True) as wrapped:
                return wrapped.recv(100)
        except OSError as error:
            there.close()
            return error

    serving = in_thread(serve)
    raises(capsa.CapsaError, lambda: capsa.ChannelClient(verifier()).wrap(here))
    holds(not isinstance(serving(), bytes) or serving() == b"", "the server got a byte")


@suite.plain_test
def unbound_is_asked_for_by_name_and_tells_so():
    unbound = capsa.ChannelClient(verifier(), insecure_unbound=True)
    here, there = connected()
    serving = in_thread(
        lambda: capsa.server_context(identity()).wrap_socket(there, server_side=True)
    )
    with unbound.wrap(here) as channel, serving() as peer:
        holds(not channel.bound, "it says that it is bound")
        equal(channel.verdict.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
        channel.sendall(b"hello")
        equal(peer.recv(100), b"hello", "what arrived")
    raises(ValueError, lambda: capsa.ChannelClient(verifier(), tls12=True), "unbound")


@suite.plain_test
def eight_megabytes_go_each_way_whole():
    client, server = usual()
    data = os.urandom(8 << 20)

    def serve():
        got = server.read(len(data))
        server.sendall(got)
        return got == data

    with client, server:
        serving = in_thread(serve)
        client.sendall(data)
        equal(client.read(len(data)) == data, True, "what came back is what went")
        holds(serving(), "what arrived is what went")


@suite.plain_test
def one_direction_ends_and_the_other_goes_on():
    client, server = usual()
    with client, server:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        equal(server.read(), b"question", "everything until the end")
        server.sendall(b"answer")
        equal(client.recv(100), b"answer", "answer")
        server.close()
        equal(client.recv(100), b"", "the proper end")
        raises(ValueError, lambda: client.shutdown(socket.SHUT_RD))


@suite.plain_test
def a_connection_that_is_cut_is_no_end():
    client, server = usual()
    with server:
        server._waker.shutdown(socket.SHUT_RDWR)
        raises(ConnectionError, lambda: client.recv(10))
    client.close()


@suite.plain_test
def waiting_ends_in_time():
    client, server = usual()
    with client, server:
        client.settimeout(0.05)
        equal(client.gettimeout(), 0.05, "time limit")
        raises(TimeoutError, lambda: client.recv(1))
        server.sendall(b"x")
        client.settimeout(None)
        equal(client.recv(1), b"x", "after a time-out")
    here, silent = connected()
    with silent:
        hurried = capsa.ChannelClient(verifier(), handshake_timeout=0.05)
        raises(TimeoutError, lambda: hurried.wrap(here))


@suite.plain_test
def close_wakes_whoever_waits_and_a_second_thread_is_told():
    client, server = usual()
    with server:
        entered = threading.Event()

        def wait():
            entered.set()
            return client.recv(1)

        waiting = in_thread(wait)
        entered.wait(PATIENCE)
        while client._busy.acquire(blocking=False):
            client._busy.release()
            time.sleep(0)  # lets the other thread go on
        raises(capsa.CapsaError, lambda: client.sendall(b"x"), "another thread")
        client.close()
        raises(OSError, waiting)
        raises(OSError, lambda: client.recv(1), "closed")
        client.close()


@suite.plain_test
def files_keep_a_channel_open_and_http_runs_over_it():
    client, server = usual()

    def serve():
        with server, server.makefile("rwb") as file:
            lines = []
            while lines[-1:] != [b"\r\n"]:
                lines.append(file.readline())
            file.write(b"HTTP/1.0 200 OK\r\n\r\nover a channel")
            file.flush()
            return lines[0]

    serving = in_thread(serve)
    connection = http.client.HTTPConnection("host")
    connection.sock = client
    connection.request("GET", "/path")
    response = connection.getresponse()  # closes the channel, which its file keeps open
    equal(response.read(), b"over a channel", "body")
    equal(serving(), b"GET /path HTTP/1.1\r\n", "request line")
    raises(OSError, lambda: client.recv(1))
    client, server = usual()
    with client, server, server.makefile("w", newline="\n") as out, client.makefile("r") as text:
        out.write("grüße\n")
        out.flush()
        equal(text.readline(), "grüße\n", "a line of text")


@suite.plain_test
def the_client_for_https_talks_bound_when_asked():
    listener = socket.create_server(("127.0.0.1", 0))
    settings = capsa.ChannelServer(identity())

    def serve():
        with settings.accept(listener.accept()[0]) as channel, channel.makefile("rwb") as file:
            lines = []
            while lines[-1:] != [b"\r\n"]:
                lines.append(file.readline())
            answer = json.dumps(lines[0].decode()).encode()
            file.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
            file.flush()

    url = "https://127.0.0.1:%d/base?key=1" % listener.getsockname()[1]
    serving = in_thread(serve)
    response = capsa.Client(url, verifier(), bound=True).get("ask?more=2")
    equal(response.json(), "GET /base/ask?key=1&more=2 HTTP/1.1\r\n", "request line")
    equal(response.verdict.claims["sgx.mr_enclave"].text, measured(), "mr_enclave")
    serving()
    refusing = in_thread(lambda: settings.accept(listener.accept()[0]))
    raises(
        capsa.PolicyRefused,
        lambda: capsa.Client(url, verifier(WRONG), bound=True).post("x", data="a secret"),
        "reference-values",
    )
    raises(capsa.CapsaError, refusing)
    listener.close()


class Command:
    """`capsa ratls ...`, which stays, with the address that it says when it is ready."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [CAPSA, "ratls", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = ""
        for line in self.process.stdout:
            said += line
            ready = re.search(r"ready: .*?127\.0\.0\.1:(\d+)", line)
            if ready:
                self.port = int(ready[1])
                self.rest = in_thread(self.process.stdout.read)
                return
        self.process.wait(PATIENCE)
        raise AssertionError("capsa ratls %s: %s" % (arguments[0], said))

    def __enter__(self):
        return self

    def __exit__(self, *_why):
        self.process.terminate()
        self.process.wait(PATIENCE)
        harness.check_sanitizers(self.rest())
        self.process.stdout.close()


def echo(accept):
    """Accepts one connection, and sends back what it gets."""

    def serve():
        with accept() as end:
            got = end.recv(100)
            end.sendall(got)
            return got

    return in_thread(serve)


@suite.plain_test
def the_command_serves_a_channel_of_ours():
    with socket.create_server(("127.0.0.1", 0)) as plain:
        behind = "127.0.0.1:%d" % plain.getsockname()[1]
        with Command(
            "serve", "--listen", "127.0.0.1:0", "--target", behind, "--platform", "sim-sgx",
            "--sim-dir", platform(), "--sim-code", python_scene.__file__,
        ) as command:  # fmt: skip
            serving = echo(lambda: plain.accept()[0])
            with capsa.ChannelClient(verifier()).connect("127.0.0.1", command.port) as channel:
                holds(channel.bound, "it is bound")
                channel.sendall(b"hello")
                equal(channel.recv(100), b"hello", "echo")
            equal(serving(), b"hello", "what came out behind")
            wrong = capsa.ChannelClient(verifier(WRONG))
            raises(
                capsa.PolicyRefused,
                lambda: wrong.connect("127.0.0.1", command.port),
                "reference-values",
            )


@suite.plain_test
def a_program_that_knows_nothing_comes_through_the_proxy():
    policy = harness.temporary_folder("proxy") + "/policy.yaml"
    for wanted, expected in ((measured(), b"hello"), (WRONG, b"")):
        with open(policy, "w") as file:
            file.write("reference_values:\n- sgx: {mr_enclave: %s}\n" % wanted)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            attested = "127.0.0.1:%d" % listener.getsockname()[1]
            with Command(
                "proxy", "--listen", "127.0.0.1:0", "--target", attested, "--policy", policy,
                "--sim-root", platform(),
            ) as command:  # fmt: skip
                serving = echo(lambda: capsa.ChannelServer(identity()).accept(listener.accept()[0]))
                with socket.create_connection(("127.0.0.1", command.port)) as plain:
                    plain.settimeout(PATIENCE)
                    plain.sendall(b"hello")
                    try:
                        equal(plain.recv(100), expected, "echo")
                    except ConnectionError:
                        equal(expected, b"", "a connection that was reset")
                if expected:
                    equal(serving(), b"hello", "what the server got")
                else:
                    raises(capsa.CapsaError, serving)


@suite.plain_test
def verifier_identity_and_settings_may_go_before_the_channel():
    asked = []

    def get(name, _evidence):
        asked.append(name)
        return capsa.Collateral.load(platform() + "/" + name)

    policy = capsa.Policy.sgx(mr_enclave=measured())
    judge = capsa.Verifier(policy, getter=get, root=read(platform() + "/root.pem"))
    # A certificate brings no collateral along, as the evidence of a session does.
    settings = capsa.ChannelClient(judge, insecure_unbound=True)
    del judge
    gc.collect()
    client, server = pair(settings, capsa.ChannelServer(identity(), insecure_unbound=True))
    equal(asked, ["sgx"], "what the getter was asked")
    del settings
    gc.collect()
    with client, server:
        client.sendall(b"x")
        equal(server.recv(1), b"x", "after everything else is gone")
    del client, server
    gc.collect()


@suite.plain_test
def one_setting_serves_many_threads():
    client, server = capsa.ChannelClient(verifier()), capsa.ChannelServer(identity())
    bad = capsa.ChannelClient(verifier(WRONG))

    def work():
        for turn in range(3):
            here, there = pair(client, server)
            with here, there:
                here.sendall(b"%d" % turn)
                equal(there.recv(10), b"%d" % turn, "what arrived")
            one, other = connected()
            accepting = in_thread(lambda other=other: server.accept(other))
            error = raises(capsa.PolicyRefused, lambda one=one: bad.wrap(one))
            contains(str(error), WRONG)
            raises(capsa.CapsaError, accepting)

    for wait in [in_thread(work) for _ in range(4)]:
        wait()


if __name__ == "__main__":
    suite.main()
