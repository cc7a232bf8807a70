# SPDX-License-Identifier: Apache-2.0
"""Does the service keep what it acknowledged, whatever happens to it, and serve everybody meanwhile?

Restarts, kill -9 under load, graceful stops, certificates that are exchanged, TLS in its kinds, the
admin listener, logs, connections of every kind of bad manners, a full disk, a store that is locked.
What capsad refuses to start with is in start.py. CAPSA_FULL=1 makes the long forms longer.
"""

import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import sqlite3
import ssl
import sys
import threading
import time
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

import parties
from harness import FULL, PATIENCE, NotStarted, Server, Skip, Suite, contains, equal, holds
from protocol import DENIED, EXISTS, MALFORMED, Client, b64, fresh, manager_message, new_key, rule, vote_result
from scene import PACKAGES, Running, alice, bob, carol, owned
from tls import Tls

suite = Suite()
suite.needs(*PACKAGES)

STORE_FAILED = 14


# ---- Restarts ---------------------------------------------------------------------------------


@suite.test
def restart_keeps_everything():
    with Running() as scene:
        client = scene.client
        cert = client.ra_cert().cert
        uuid, data = owned(client, alice(), [rule([carol()], rule_id="one")])
        scoped, _ = owned(client, alice(), [rule([bob()])], "another/scope")
        released, _ = owned(client, bob(), [rule([carol()])])
        client.got_keys(carol(), [uuid, released])
        result, secret = fresh("result"), new_key()
        client.create_result(carol(), result, [uuid, released], secret).ok()
        gone, _ = owned(client, alice())
        client.delete_key(alice(), gone).ok()
        registered = parties.under_root("kept", root="kept-root")
        client.register_cert(registered).ok()
        votes = vote_result(alice(), result, [bob()])
        for kill in (False, True):
            scene.restart(kill=kill)
            client = scene.client
            equal(client.ra_cert().cert, cert, "the manager's certificate")
            equal(client.got_keys(carol(), [uuid, result]), {uuid: data, result: secret}, "keys")
            equal([r["rule_id"] for r in client.list_policies(alice())[uuid]], ["one"], "rules")
            equal(list(client.list_policies(alice(), "another/scope")), [scoped], "policies")
            equal(client.exported(alice(), result, votes), secret, "exported key")
            client.create_keys(bob(), {gone: new_key()}).is_refused(DENIED)
            client.create_keys(bob(), {result: new_key()}).is_refused(DENIED)
            client.register_cert(parties.under_root("kept", root="kept-root")).is_refused(EXISTS)
            client.register_cert(registered).ok()
            # Which keys were released is kept, too: nobody was asked again.
            client.create_result(carol(), fresh("later"), [released]).ok()
            client.create_result(bob(), fresh("later"), [released]).is_refused(DENIED)


@suite.test
def memory_store_forgets():
    for backend in ("memory", "inmemory"):
        with Running(storage_config__storage_backend=backend) as scene:
            uuid, _ = owned(scene.client, alice(), [rule([bob()])])
            scene.client.got_keys(bob(), [uuid])
            cert = scene.client.ra_cert().cert
            scene.restart()
            holds(scene.client.ra_cert().cert != cert, "the manager's key was kept")
            scene.client.get_keys(bob(), [uuid]).is_refused(DENIED)
            holds(not os.path.exists(os.path.join(scene.server.folder, "data", "capsa.db")), "there is a database")


@suite.test
def files_are_the_operators_alone():
    with Running() as scene:
        owned(scene.client, alice())
        data = os.path.join(scene.server.folder, "data")
        names = os.listdir(data)
        holds({"root.key", "capsa.db"} <= set(names), "files are %r" % names)
        for name in names:
            mode = os.stat(os.path.join(data, name)).st_mode & 0o777
            holds(mode & 0o077 == 0, "%s has mode %o" % (name, mode))


# ---- Load -------------------------------------------------------------------------------------


class Load:
    """Threads that register three keys a request, until the server goes away. What was acknowledged,
    and what was asked for without an answer, is known afterwards."""

    def __init__(self, target, uuids):
        self.acknowledged, self.unsure, self.errors = {}, [], []
        self.changed = threading.Condition()
        self.client = Client(target)
        self.client.manager_key()
        self.stopping = False
        self.threads = [threading.Thread(target=self._work, args=(uuid,)) for uuid in uuids]
        for thread in self.threads:
            thread.start()

    def _work(self, uuid):
        import grpc
        turn = 0
        while not self.stopping:
            turn += 1
            keys = {"%s/p/%d/%d" % (uuid, turn, part): os.urandom(16) for part in range(3)}
            try:
                answer = self.client.create_keys(alice(), keys)
                with self.changed:
                    if answer.code == 0:
                        self.acknowledged.update(keys)
                    else:
                        self.errors.append(repr(answer))
                    self.changed.notify_all()
            except grpc.RpcError as error:
                with self.changed:
                    self.unsure.append(keys)
                    if error.code().name not in ("UNAVAILABLE", "CANCELLED"):
                        self.errors.append(repr(error))
                    self.changed.notify_all()
                return

    def wait_for(self, count):
        with self.changed:
            self.changed.wait_for(lambda: len(self.acknowledged) >= count or self.errors, PATIENCE)
        equal(self.errors, [], "errors under load")
        holds(len(self.acknowledged) >= count, "the load stands still")

    def end(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(PATIENCE)
        self.client.close()
        equal(self.errors, [], "errors under load")

    def check(self, client):
        """Everything acknowledged is there; of each other request all or nothing."""
        uris = list(self.acknowledged)
        for start in range(0, len(uris), 500):
            some = uris[start:start + 500]
            equal(client.got_keys(bob(), some), {uri: self.acknowledged[uri] for uri in some}, "keys")
        for keys in self.unsure:
            there = [uri for uri in keys if client.get_keys(bob(), [uri]).code == 0]
            holds(len(there) in (0, len(keys)), "of one request only this is there: %r" % there)
        return len(uris)


@suite.test
def kill_9_loses_nothing_acknowledged():
    checked, rounds = 0, 100 if FULL else 10
    with Running() as scene:
        for _ in range(rounds):
            uuids = [fresh("load") for _ in range(4)]
            for uuid in uuids:
                scene.client.create_keys(alice(), {uuid: new_key()}).ok()
                scene.client.create_policy(alice(), uuid, [rule([bob()])]).ok()
            load = Load(scene.server.target, uuids)
            try:
                load.wait_for(3 * random.randint(1, 25))
                scene.server.kill()
            finally:
                load.end()
            scene.client.close()
            scene.server.start()
            scene.client = Client(scene.server.target)
            checked += load.check(scene.client)
    print("  %d rounds, %d keys were acknowledged and found" % (rounds, checked))


@suite.test
def graceful_stop_answers_what_is_running():
    with Running() as scene:
        uuids = [fresh("load") for _ in range(4)]
        for uuid in uuids:
            scene.client.create_keys(alice(), {uuid: new_key()}).ok()
            scene.client.create_policy(alice(), uuid, [rule([bob()])]).ok()
        for number in (signal.SIGTERM, signal.SIGINT):
            load = Load(scene.server.target, uuids if number == signal.SIGTERM else [u + "-2" for u in uuids])
            if number == signal.SIGINT:
                for uuid in uuids:
                    scene.client.create_policy(alice(), uuid + "-2", [rule([bob()])]).ok()
            try:
                load.wait_for(12)
                scene.server.signal(number)
            finally:
                load.end()
            scene.server.wait()
            scene.client.close()
            scene.server.start()
            scene.client = Client(scene.server.target)
            load.check(scene.client)


@suite.test
def full_disk_is_a_clear_error_and_loses_nothing():
    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing beyond it fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (600000, 600000))

    server = Server(before=limited, log_config__log_dir="", log_config__enable_console_logger="false",
                    admin_listen="127.0.0.1:0")
    try:
        client = Client(server.target)
        uuid, kept = fresh(), {}
        client.create_keys(alice(), {uuid: new_key()}).ok()
        client.create_policy(alice(), uuid, [rule([bob()])]).ok()
        answer = None
        for turn in range(200):
            keys = {"%s/p/%d/%d" % (uuid, turn, part): os.urandom(4096) for part in range(4)}
            answer = client.create_keys(alice(), keys)
            if answer.code:
                break
            kept.update(keys)
        message = answer.is_refused(STORE_FAILED)
        holds(server.folder not in message, "the answer names paths: " + message)
        holds(server.alive(), "capsad ended")
        equal(get(server, "/readyz")[0], 503, "status of /readyz")
        equal(client.ra_cert().status.code, 0, "code of what needs no store")
        client.close()
        server.stop()
        server.before = None
        server.start()
        client = Client(server.target)
        equal(client.list_policies(alice())[uuid][0]["grantee_party_ids"], [bob().id], "grantees")
        equal(client.got_keys(bob(), list(kept)), kept, "keys")
        client.create_keys(alice(), keys).ok()
        client.close()
        server.stop()
    finally:
        server.kill()


# ---- The store --------------------------------------------------------------------------------


def refused_restart(server, *words):
    try:
        server.start()
    except NotStarted as refusal:
        contains(refusal.text, *words)
        return refusal.text
    server.kill()
    raise AssertionError("capsad started")


@suite.test
def second_capsad_on_the_same_store_is_refused():
    with Running() as scene:
        uuid, data = owned(scene.client, alice(), [rule([bob()])])
        other = Server(folder=scene.server.folder, start=False)
        other.starts = 50  # a log file of its own
        text = refused_restart(other, "data")
        holds("in use" in text or "lock" in text or "another" in text, "it does not say why: " + text)
        equal(scene.client.got_keys(bob(), [uuid]), {uuid: data}, "keys")
    server = Server(folder=scene.server.folder)  # and it is free again
    server.stop()


@suite.test
def root_key_is_guarded():
    server = Server()
    server.stop()
    path = os.path.join(server.folder, "data", "root.key")
    equal(os.stat(path).st_mode & 0o777, 0o600, "mode of root.key")
    for mode in (0o644, 0o640, 0o660, 0o602):
        os.chmod(path, mode)
        refused_restart(server, "root.key", "600")
    os.chmod(path, 0o600)
    with open(path, "rb") as file:
        good = file.read()
    os.rename(path, path + ".away")
    refused_restart(server, "root.key")
    holds(not os.path.exists(path), "a new root key was made for a store that has one")
    flipped = bytes([good[len(good) // 2] ^ 1])
    for bad in (b"", good[:-5], good + good, b"\0" * len(good), os.urandom(32),
                good[:len(good) // 2] + flipped + good[len(good) // 2 + 1:]):
        with open(path, "wb") as file:
            file.write(bad)
        os.chmod(path, 0o600)
        refused_restart(server, "root")
    another = Server()
    another.stop()
    shutil.copyfile(os.path.join(another.folder, "data", "root.key"), path)
    os.chmod(path, 0o600)
    refused_restart(server, "root key")
    os.replace(path + ".away", path)
    server.start().stop()


@suite.test
def root_key_may_lie_elsewhere():
    folder = Tls("root-key").folder
    path = os.path.join(folder, "my.key")
    with Server(root_key_file=path) as server:
        holds(os.path.exists(path), "there is no root key")
        holds(not os.path.exists(os.path.join(server.folder, "data", "root.key")), "there are two root keys")
        server.restart()


def rows(server):
    """Everything in the database of a server that is stopped."""
    base = sqlite3.connect(os.path.join(server.folder, "data", "capsa.db"))
    try:
        return list(base.iterdump())
    finally:
        base.close()


@suite.test
def refused_requests_leave_the_store_as_it_was():
    scene = Running()
    client = scene.client
    uuid, _ = owned(client, alice(), [rule([bob()], rule_id="one")])
    one, _ = owned(client, alice(), [rule([carol()])])
    client.got_keys(carol(), [one])
    result = fresh("result")
    client.create_result(carol(), result, [one]).ok()
    scene.stop()
    before = rows(scene.server)
    holds(len(before) > 5 and not any(uuid in line for line in before), "rows are %r" % before[:20])
    scene.server.start()
    scene.client = client = Client(scene.server.target)
    new, mallory = fresh(), parties.plain("mallory")
    good = {"owner_party_id": alice().id, "data_keys": [{"resource_uri": new, "data_key_b64": b64(b"k")}]}
    for knobs in ({"tag_bytes": 3}, {"iv": 13}, {"alg": "dir"}, {"x5c": None}, {"jws_alg": "none"},
                  {"has_signature": False}, {"cek": bytes(15)}, {"encrypted_key": b"x"}):
        holds(client.ask("CreateDataKeys", good, alice(), **knobs).code, "accepted: %r" % knobs)
    for body in ({**good, "x": 1}, {**good, "data_keys": good["data_keys"] * 2}, {**good, "data_keys": []},
                 {**good, "data_keys": good["data_keys"] + [{"resource_uri": "y", "data_key_b64": "!"}]}, b"{", b""):
        client.ask("CreateDataKeys", body, alice()).is_refused(MALFORMED)
    refused = [
        client.create_keys(mallory, {new: new_key(), uuid: new_key()}), client.create_keys(alice(), {result: b"k"}),
        client.create_policy(mallory, uuid, []), client.create_policy(alice(), uuid, [rule([bob()], constraints=["("])]),
        client.create_policy(alice(), uuid, [rule([bob()], rule_id="a")] * 2), client.add_rule(mallory, uuid, rule([bob()])),
        client.add_rule(alice(), uuid, rule([bob()], rule_id="one")), client.delete_policy(mallory, uuid),
        client.delete_rule(alice(), uuid, ""), client.delete_rule(mallory, uuid, "one"), client.delete_key(mallory, uuid),
        client.get_keys(mallory, [uuid]), client.get_keys(bob(), [uuid, one]), client.get_keys(bob(), [uuid, "none"]),
        client.create_result(mallory, new, [one]), client.create_result(carol(), new, [one, uuid]),
        client.create_result(carol(), uuid, [one]), client.register_cert(alice(), signer=mallory),
        client.export(mallory, uuid, vote_result(mallory, uuid)), client.export(alice(), uuid, "{}"),
    ]
    holds(all(answer.code for answer in refused), "some were accepted: %r" % refused)
    for raw in (b"", b"\xff" * 100, os.urandom(200)):
        try:
            client.method("CreateDataKeys")(raw, timeout=60)
        except Exception as error:
            holds(hasattr(error, "code"), repr(error))
    scene.stop()
    equal(rows(scene.server), before, "the store")


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
        with Client(server.target, tls.credentials(parties.pem_of(tls.root).encode(), other)) as new:
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
                ("its own", tls.credentials(), None), ("the folder's other", tls.credentials(root, other), None),
                ("an unknown one", tls.credentials(root, unknown), "UNAVAILABLE"),
                ("none", tls.credentials(root, None), "UNAVAILABLE"),
                ("a server that is not the one", tls.credentials(other.read("ca/root.crt")), "UNAVAILABLE"),
                ("plain text", None, "UNAVAILABLE")):
            with Client(server.target, credentials) as client:
                equal(refusal(client), wanted, "status with a certificate of " + what)
        with Client(server.target, tls.credentials()) as client:
            uuid, data = owned(client, alice(), [rule([bob()])])
            equal(client.got_keys(bob(), [uuid]), {uuid: data}, "keys")


@suite.test
def server_only_tls_asks_no_certificate():
    tls, other = Tls("server-only"), Tls("server-only-other")
    with Server(**tls.flags(tls_config__client_auth="none", tls_config__client_ca_cert_path="/nowhere")) as server:
        equal(server.tls, "server", "tls")
        root = tls.read("ca/root.crt")
        for credentials, wanted in ((tls.credentials(root, None), None), (tls.credentials(), None),
                                    (tls.credentials(other.read("ca/root.crt"), None), "UNAVAILABLE"),
                                    (None, "UNAVAILABLE")):
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

    weak = {"TLS 1.1": old_version, "CBC": old_cipher, "no ALPN": lambda context: context.set_alpn_protocols([]),
            "HTTP/1.1": lambda context: context.set_alpn_protocols(["http/1.1"])}
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
                        secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
                        holds(not secure.recv(1), what + " was served")
            except (ssl.SSLError, ConnectionError):
                pass
        with Client(server.target, tls.credentials()) as client:
            equal(client.ra_cert().status.code, 0, "code")


# ---- The admin listener -----------------------------------------------------------------------


def get(server, path, method="GET"):
    connection = http.client.HTTPConnection(server.admin, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.getheader("content-type")
    finally:
        connection.close()


@suite.test
def admin_listener_tells_health_and_numbers():
    with Running(admin_listen="127.0.0.1:0") as scene:
        server, client = scene.server, scene.client
        holds(server.admin and server.admin != server.target, "the admin listener is at %r" % server.admin)
        equal(get(server, "/healthz")[0], 200, "status of /healthz")
        status, body, kind = get(server, "/readyz")
        equal((status, kind), (200, "application/json"), "/readyz")
        equal(json.loads(body)["mode"], "simulation", "mode")
        name, scope = fresh("resource-name"), "scope-name"
        client.create_keys(alice(), {name: new_key()}).ok()
        client.create_policy(alice(), name, [rule([bob()], ["op-name"], ["column-name"], rule_id="rule-name")], scope).ok()
        client.got_keys(bob(), {name: ["column-name"]}, op="op-name", scope=scope)
        client.get_keys(carol(), {name: ["column-name"]}, op="op-name", scope=scope).is_refused(DENIED)
        client.list_policies(alice(), scope)
        status, body, kind = get(server, "/metrics")
        equal((status, kind.split(";")[0]), (200, "text/plain"), "/metrics")
        contains(body, "GetDataKeys", "CreateDataKeys", "# TYPE")
        for secret in (name, scope, "op-name", "column-name", "rule-name", alice().id, bob().id):
            holds(secret not in body, "/metrics names " + secret)
        for path, method, wanted in (("/", "GET", (404,)), ("/metrics/x", "GET", (404,)), ("/../metrics", "GET", (400, 404)),
                                     ("/metrics", "POST", (405,)), ("/healthz", "DELETE", (405,)),
                                     ("/secretflowapis.v2.sdc.capsule_manager.CapsuleManager/GetRaCert", "POST", (404, 405))):
            holds(get(server, path, method)[0] in wanted, "%s %s: %r" % (method, path, get(server, path, method)))
        # Numbers move.
        first = metric(body, "GetDataKeys")
        client.get_keys(carol(), [name]).is_refused(DENIED)
        equal(metric(get(server, "/metrics")[1], "GetDataKeys"), first + 1, "number of calls")


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
    equal(sorted(os.listdir(os.path.join(server.folder, "log"))), ["capsule_manager.log", "monitor.log"], "log files")
    text = "\n".join(log_lines(server, "capsule_manager.log"))
    contains(text, "started", "mode=simulation", "CreateDataKeys", "GetDataKeys", carol().id, uuid, "stopp")
    monitor = log_lines(server, "monitor.log")
    shape = re.compile(r'[-0-9T:.]+Z \|(\w+)\|"([YN])"\|\d+\|"(.*)"')
    ended = [(m[1], m[2]) for m in map(shape.fullmatch, monitor)]
    for wanted in (("GetRaCert", "Y"), ("CreateDataKeys", "Y"), ("CreateDataPolicy", "Y"), ("GetDataKeys", "N")):
        holds(wanted in ended, "monitor.log has no %r: %r" % (wanted, monitor))
    holds(any('"success"' in line for line in monitor), "monitor.log: %r" % monitor)


@suite.test
def logs_cannot_be_forged_by_names():
    with Running() as scene:
        name = "x\nERROR forged=1\r\n|GetRaCert|\"Y\"|1|\"success\"\n\x1b[31m"
        scene.client.create_keys(alice(), {name: new_key()}).ok()
        scene.client.get_keys(bob(), [name]).is_refused(DENIED)
        scene.client.get_keys(bob(), ["y"], op=name, scope=name).is_refused(DENIED)
        server = scene.server
    for line in log_lines(server, "capsule_manager.log") + log_lines(server, "monitor.log") + server.stderr().splitlines():
        holds(not line.startswith(("ERROR forged", "|GetRaCert")), "a line was forged: %r" % line)
        holds("\x1b" not in line and "\r" not in line, "control characters are in %r" % line)


@suite.test
def console_and_level_can_be_chosen():
    with Running(log_config__enable_console_logger="false", log_config__log_level="error") as scene:
        owned(scene.client, alice())
        server = scene.server
    holds("CreateDataKeys" not in server.stderr(), "the console has log lines: " + server.stderr())
    contains(server.stderr(), "simulation")  # the banner is no log
    holds("CreateDataKeys" not in "\n".join(log_lines(server, "capsule_manager.log")), "the log says what went well")
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
        request = {"initiator_party_id": bob().id, "scope": "default", "op_name": "psi",
                   "resources": [{"resource_uri": uuid, "columns": ["id"]}]}
        envelopes = [client.build({"cert": bob().pem, "resource_request": request}, bob()) for _ in range(100)]
        calls = [client.method("GetDataKeys").future(envelope, timeout=PATIENCE) for envelope in envelopes]
        nonce = manager_message("GetRaCertRequest")(nonce="n" * 100000)
        calls += [client.method("GetRaCert", "GetRaCertResponse").future(nonce, timeout=PATIENCE) for _ in range(100)]
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
                equal(error.code().name, "DEADLINE_EXCEEDED", "status")
        uuid, data = owned(client, alice(), [rule([bob()])])
        equal(client.got_keys(bob(), [uuid]), {uuid: data}, "keys")


@suite.test
def keepalive_pings_are_answered():
    with Running() as scene:
        options = [("grpc.keepalive_time_ms", 20), ("grpc.keepalive_timeout_ms", 5000),
                   ("grpc.keepalive_permit_without_calls", 1), ("grpc.http2.max_pings_without_data", 0),
                   ("grpc.http2.min_time_between_pings_ms", 20)]
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
        for text in (b"", b"\0" * 100, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", os.urandom(1000), b"\x16\x03\x01\x02\0\x01\0",
                     preface, preface[:10], preface + settings, preface + settings + os.urandom(500),
                     preface + settings + b"\xff\xff\xff\0\0\0\0\0\1", preface + b"\0\0\0\0\0\0\0\0\0" * 1000,
                     preface + settings + b"\0\0\4\1\5\0\0\0\1aaaa", preface + settings + b"\0\0\0\1\5\0\0\0\2"):
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
                    idle.append(socket.create_connection((scene.server.host, scene.server.port), 30))
                    if number % 2:
                        idle[-1].sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
                with Client(scene.server.target) as late:
                    equal(late.ra_cert().status.code, 0, "code")
            finally:
                for connection in idle:
                    connection.close()
            equal(scene.client.ra_cert().status.code, 0, "code")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


@suite.test
def many_clients_at_once_see_one_truth():
    # The same uuid registered by eight parties at once has one owner, and the others are refused.
    with Running() as scene:
        scene.client.manager_key()
        everybody = [parties.plain("racer %d" % n) for n in range(8)]
        for _ in range(5):
            uuid, codes = fresh("race"), {}
            gate = threading.Barrier(len(everybody))

            def race(party):
                gate.wait()
                codes[party.id] = scene.client.create_keys(party, {uuid: new_key()}).code

            threads = [threading.Thread(target=race, args=(party,)) for party in everybody]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            equal(sorted(codes.values()), [0] + [DENIED] * 7, "codes")
        # Rules that are added at once are all there.
        owner = everybody[0]
        uuid, _ = owned(scene.client, owner, [])
        answers = []
        threads = [threading.Thread(target=lambda n=n: answers.append(
            scene.client.add_rule(owner, uuid, rule([bob()], rule_id="rule %d" % n)))) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal([a.code for a in answers], [0] * 16, "codes (%r)" % answers)
        equal(len(scene.client.list_policies(owner)[uuid]), 16, "number of rules")


suite.main()
