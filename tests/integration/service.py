# SPDX-License-Identifier: Apache-2.0
"""Does the service keep what it acknowledged, whatever happens to it?

Restarts, kill -9 under load, graceful stops, races, a full disk, a store that is locked or changed.
Its listeners are in connections.py, what it refuses to start with in start.py. CAPSA_FULL=1 makes
the rounds of kill -9 a hundred.
"""

import os
import random
import resource
import shutil
import signal
import sqlite3
import sys
import threading
import time

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop")
)

import native
import parties
from harness import (
    FULL,
    PATIENCE,
    NotStarted,
    Server,
    Suite,
    contains,
    equal,
    holds,
    temporary_folder,
)
from nativelog import KIND
from protocol import (
    DENIED,
    EXISTS,
    MALFORMED,
    UNAUTHENTIC,
    Client,
    b64,
    fresh,
    new_key,
    rule,
    vote_result,
)
from scene import PACKAGES, Running, alice, bob, carol, owned
from tls import Tls

suite = Suite()
suite.needs(*PACKAGES)

STORE_FAILED = 14


def manager_of(client):
    """Who the manager says that it is, checked."""
    from cryptography import x509

    return native.Manager(x509.load_pem_x509_certificate(client.ra_cert().cert.encode()))


# ---- Restarts ---------------------------------------------------------------------------------


@suite.test
def restart_keeps_everything():
    with Running() as scene:
        client = scene.client
        known = manager_of(client)
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
            # The certificate is made anew at each start; who it is of, and its keys, stay.
            equal(manager_of(client).id, known.id, "the manager's id")
            equal(set(manager_of(client).keys), set(known.keys), "the manager's envelope keys")
            equal(manager_of(client).rsa_kid(), known.rsa_kid(), "the certificate's key")
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
            known = manager_of(scene.client)
            scene.restart()
            now = manager_of(scene.client)
            holds(now.id != known.id, "the manager's id was kept")
            holds(not set(now.keys) & set(known.keys), "an envelope key was kept")
            scene.client.get_keys(bob(), [uuid]).is_refused(DENIED)
            holds(
                not os.path.exists(os.path.join(scene.server.folder, "data", "capsa.db")),
                "there is a database",
            )


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
    """Threads that register three keys a request, until the server goes away. Afterwards it is
    known what was acknowledged, and what was asked for without an answer."""

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
            some = uris[start : start + 500]
            equal(
                client.got_keys(bob(), some), {uri: self.acknowledged[uri] for uri in some}, "keys"
            )
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
            load = Load(
                scene.server.target,
                uuids if number == signal.SIGTERM else [u + "-2" for u in uuids],
            )
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

    server = Server(
        before=limited,
        log_config__log_dir="",
        log_config__enable_console_logger="false",
        admin_listen="127.0.0.1:0",
    )
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
        equal(server.get("/readyz")[0], 503, "status of /readyz")
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


@suite.test
def manager_is_ready_again_once_the_disk_has_room():
    # Behind a balancer that sends no writes to who is not ready, only the manager itself can notice.
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600000, unlimited))

    server = Server(
        before=limited,
        log_config__log_dir="",
        log_config__enable_console_logger="false",
        admin_listen="127.0.0.1:0",
    )
    try:
        client = Client(server.target)
        uuid = fresh()
        for turn in range(200):
            keys = {"%s/p/%d/%d" % (uuid, turn, part): os.urandom(4096) for part in range(4)}
            if client.create_keys(alice(), keys).code:
                break
        client.close()
        equal(server.get("/readyz")[0], 503, "status of /readyz with a full disk")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))
        deadline = time.monotonic() + PATIENCE
        while server.get("/readyz")[0] != 200:
            holds(time.monotonic() < deadline, "not ready although there is room")
            time.sleep(0.2)
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
        holds(
            "in use" in text or "lock" in text or "another" in text, "it does not say why: " + text
        )
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
    for bad in (
        b"",
        good[:-5],
        good + good,
        b"\0" * len(good),
        os.urandom(32),
        good[: len(good) // 2] + flipped + good[len(good) // 2 + 1 :],
    ):
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
        holds(
            not os.path.exists(os.path.join(server.folder, "data", "root.key")),
            "there are two root keys",
        )
        server.restart()


LOG = len("capsa.log").to_bytes(4, "big") + b"capsa.log"


def rows(server):
    """All rows but the log's in the database of a server that is stopped, and its schema."""
    base = sqlite3.connect(os.path.join(server.folder, "data", "capsa.db"))
    try:
        found = list(base.execute("SELECT key, version, owners, value FROM record ORDER BY key"))
        equal(base.execute("SELECT count(*) FROM sqlite_schema").fetchone(), (1,), "tables")
        return [row for row in found if not row[0].startswith(LOG)]
    finally:
        base.close()


def kinds(server):
    """The kinds of all entries of the log."""
    with native.Client(server.target) as client:
        return [leaf.type for leaf in client.whole_log()[0]]


@suite.test
def refused_requests_leave_the_store_as_it_was():
    scene = Running()
    client = scene.client
    uuid, _ = owned(client, alice(), [rule([bob()], rule_id="one")])
    one, _ = owned(client, alice(), [rule([carol()])])
    client.got_keys(carol(), [one])
    result = fresh("result")
    client.create_result(carol(), result, [one]).ok()
    known = kinds(scene.server)
    scene.stop()
    before = rows(scene.server)
    holds(len(before) > 5, "rows are %r" % before)
    scene.server.start()
    scene.client = client = Client(scene.server.target)
    new, mallory = fresh(), parties.plain("mallory")
    good = {
        "owner_party_id": alice().id,
        "data_keys": [{"resource_uri": new, "data_key_b64": b64(b"k")}],
    }
    for knobs in (
        {"tag_bytes": 3},
        {"iv": 13},
        {"alg": "dir"},
        {"x5c": None},
        {"jws_alg": "none"},
        {"has_signature": False},
        {"cek": bytes(15)},
        {"encrypted_key": b"x"},
    ):
        holds(client.ask("CreateDataKeys", good, alice(), **knobs).code, "accepted: %r" % knobs)
    for body in (
        {**good, "x": 1},
        {**good, "data_keys": good["data_keys"] * 2},
        {**good, "data_keys": []},
        {**good, "data_keys": good["data_keys"] + [{"resource_uri": "y", "data_key_b64": "!"}]},
        b"{",
        b"",
    ):
        client.ask("CreateDataKeys", body, alice()).is_refused(MALFORMED)
    refused = [
        client.create_keys(mallory, {new: new_key(), uuid: new_key()}),
        client.create_keys(alice(), {result: b"k"}),
        client.create_policy(mallory, uuid, []),
        client.create_policy(alice(), uuid, [rule([bob()], constraints=["("])]),
        client.create_policy(alice(), uuid, [rule([bob()], rule_id="a")] * 2),
        client.add_rule(mallory, uuid, rule([bob()])),
        client.add_rule(alice(), uuid, rule([bob()], rule_id="one")),
        client.delete_policy(mallory, uuid),
        client.delete_rule(alice(), uuid, ""),
        client.delete_rule(mallory, uuid, "one"),
        client.delete_key(mallory, uuid),
        client.get_keys(mallory, [uuid]),
        client.get_keys(bob(), [uuid, one]),
        client.get_keys(bob(), [uuid, "none"]),
        client.create_result(mallory, new, [one]),
        client.create_result(carol(), new, [one, uuid]),
        client.create_result(carol(), uuid, [one]),
        client.register_cert(alice(), signer=mallory),
        client.export(mallory, uuid, vote_result(mallory, uuid)),
        client.export(alice(), uuid, "{}"),
    ]
    holds(all(answer.code for answer in refused), "some were accepted: %r" % refused)
    for raw in (b"", b"\xff" * 100, os.urandom(200)):
        try:
            client.method("CreateDataKeys")(raw, timeout=60)
        except Exception as error:
            holds(hasattr(error, "code"), repr(error))
    # What was refused stands in the log, as refused, and nowhere else.
    said = kinds(scene.server)
    equal(said[: len(known)], known, "entries from before")
    equal(set(said[len(known) :]), {KIND["start"], KIND["denial"]}, "kinds of entries since then")
    scene.stop()
    equal(rows(scene.server), before, "the store")


def tampered(server, parts, change):
    """A copy of a stopped server, where one row of its database was changed: the one whose key ends
    in the parts. change(version, owners, value) gives what stands there then."""
    copy = Server(start=False)
    shutil.copytree(os.path.join(server.folder, "data"), os.path.join(copy.folder, "data"))
    base = sqlite3.connect(os.path.join(copy.folder, "data", "capsa.db"))
    try:
        key, *row = row_of(base, parts)
        base.execute(
            "UPDATE record SET version = ?, owners = ?, value = ? WHERE key = ?",
            (*change(*row), key),
        )
        base.commit()
    finally:
        base.close()
    return copy


def row_of(base, parts):
    """(key, version, owners, value) of the only record whose key has all of the parts."""
    texts = [len(part).to_bytes(4, "big") + part.encode() for part in parts]
    found = [
        row
        for row in base.execute("SELECT key, version, owners, value FROM record")
        if all(text in row[0] for text in texts)
    ]
    equal(len(found), 1, "number of rows of %r" % (parts,))
    return found[0]


@suite.test
def D26_rows_that_were_changed_are_noticed():
    # The original bound no row to its place: keys could be swapped, and what was deleted come back.
    scene = Running()
    one, _ = owned(scene.client, alice(), [rule([bob()])], stem="row")
    two, _ = owned(scene.client, alice(), [rule([carol()])], stem="row")
    untouched, _ = owned(scene.client, bob(), [rule([carol(), bob()])])
    scene.stop()

    base = sqlite3.connect(os.path.join(scene.server.folder, "data", "capsa.db"))
    for kind in ("key", "policy", "resource"):
        other, foreign = row_of(base, (kind, two)), row_of(base, (kind, untouched))
        for name, change in {
            "the value of another": lambda version, owners, value: (version, owners, other[3]),
            "one bit": lambda version, owners, value: (
                version,
                owners,
                value[:-1] + bytes([value[-1] ^ 1]),
            ),
            "the root key's id": lambda version, owners, value: (
                version,
                owners,
                value[:1] + bytes(8) + value[9:],
            ),
            "a cut value": lambda version, owners, value: (version, owners, value[:-1]),
            "an empty value": lambda version, owners, value: (version, owners, b""),
            "another version": lambda version, owners, value: (version + 1, owners, value),
            "other owners": lambda version, owners, value: (version, foreign[2], value),
        }.items():
            what = "%s of a %s" % (name, kind)
            with tampered(scene.server, (kind, one), change) as server:
                try:
                    # It was stopped: its log tells that its records are others, and which.
                    refused_restart(server, kind, one)
                except AssertionError as error:
                    raise AssertionError("%s: %s" % (what, error))
    base.close()
    # Of the manager's own keys: no start, and no new key in its place.
    for parts in (("envelope", "current"), ("capsa", "signing"), ("capsa", "genesis")):
        with tampered(
            scene.server, parts, lambda version, owners, value: (version + 1, owners, value)
        ) as server:
            refused_restart(server, "/".join(parts), "sealed")


@suite.test
def injected_key_may_change_and_the_data_stays():
    folder = temporary_folder("injected")
    flags = {"enable_inject_cm_key": "true"}
    for name in ("first", "second"):
        key_file, cert_files = parties.plain("injected " + name).write(folder, name)
        flags[name] = {"cm_private_key_path": key_file, "cm_cert_path": cert_files[0]}
    with Running(enable_inject_cm_key="true", **flags["first"]) as scene:
        uuid, data = owned(scene.client, alice(), [rule([bob()])])
        old = scene.client.build({"owner_party_id": alice().id, "scope": "default"}, alice())
        scene.restart(**flags["second"])
        equal(scene.client.got_keys(bob(), [uuid]), {uuid: data}, "keys")
        scene.client.send("ListDataPolicy", old).is_refused(UNAUTHENTIC)
        scene.restart(enable_inject_cm_key="false")
        equal(scene.client.got_keys(bob(), [uuid]), {uuid: data}, "keys")


@suite.test
def many_clients_at_once_see_one_truth():
    # The same uuid registered by eight parties at once has one owner, and the others are refused.
    with Running() as scene:
        scene.client.manager_key()
        everybody = [parties.plain("racer %d" % n) for n in range(8)]
        for _ in range(40):  # the fault that this found came once in a hundred
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
        threads = [
            threading.Thread(
                target=lambda n=n: answers.append(
                    scene.client.add_rule(owner, uuid, rule([bob()], rule_id="rule %d" % n))
                )
            )
            for n in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal([a.code for a in answers], [0] * 16, "codes (%r)" % answers)
        equal(len(scene.client.list_policies(owner)[uuid]), 16, "number of rules")


suite.main()
