# SPDX-License-Identifier: Apache-2.0
"""What whoever holds the database can do to a manager, and what the manager notices.

A second connection edits, swaps, removes, puts back and inserts rows, while capsad runs and while it
does not; files are deleted and replaced under it; everything is put back as it was. Each time the
record is named where the operator looks, the peer learns only that there is a fault, and no key
leaves without its entry in the log. Also: roots that are changed, kill -9 within that, and requests
that are sent again after a crash. CAPSA_FULL=1 makes more rounds.
"""

import json
import os
import random
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop")
)

import native
from harness import (
    CAPSA,
    FULL,
    PATIENCE,
    NotStarted,
    Server,
    Suite,
    contains,
    equal,
    holds,
    run,
    temporary_folder,
)
from nativelog import KIND
from nativescene import NativeRunning
from protocol import DENIED, EXISTS, fresh, new_key, rule
from scene import PACKAGES, alice, bob, carol, owned

suite = Suite()
suite.needs(*PACKAGES)

STORE_FAILED, TAMPERED = 14, 15
RELEASES = (KIND["key-release"], KIND["key-export"])


# ---- The attacker -----------------------------------------------------------------------------


def part(text):
    return len(text).to_bytes(4, "big") + text.encode()


class Base:
    """The database behind capsad's back. Rows are named by parts of their keys."""

    def __init__(self, server, name="capsa.db"):
        self.path = os.path.join(server.folder, "data", name)
        self.base = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.base.close()

    def row(self, *parts):
        """(key, version, owners, value) of the only record whose key has all of the parts."""
        found = [
            row
            for row in self.base.execute("SELECT key, version, owners, value FROM record")
            if all(part(text) in row[0] for text in parts)
        ]
        equal(len(found), 1, "number of rows of %r" % (parts,))
        return found[0]

    def put(self, row):
        self.base.execute("REPLACE INTO record VALUES (?, ?, ?, ?)", row)

    def remove(self, *parts):
        self.base.execute("DELETE FROM record WHERE key = ?", (self.row(*parts)[0],))

    def edit(self, *parts):
        key, version, owners, value = self.row(*parts)
        at = len(value) // 2
        self.put((key, version, owners, value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]))

    def swap(self, one, two):
        first, second = self.row(*one), self.row(*two)
        self.put((first[0], *second[1:]))
        self.put((second[0], *first[1:]))

    def rename(self, row, old, new):
        """A row more, under another key."""
        self.put((row[0].replace(part(old), part(new)), *row[1:]))


def copied(server, **flags):
    """Another server on a copy of a stopped one's folder."""
    copy = Server(start=False, **flags)
    shutil.copytree(os.path.join(server.folder, "data"), os.path.join(copy.folder, "data"))
    return copy


def refused_restart(server, *words):
    """It must not start, and say all of the words."""
    try:
        server.start()
    except NotStarted as refusal:
        contains(refusal.text, *words)
        return refusal
    server.kill()
    raise AssertionError("capsad started")


class Owned:
    """Two keys of alice's that bob may have, with what the attacks need of their past."""

    def __init__(self, client):
        self.one, self.data = owned(client, alice(), [rule([bob()], rule_id="one")], stem="one")
        self.two, self.other = owned(client, alice(), [rule([carol()])], stem="two")
        self.untouched, self.kept = owned(client, carol(), [rule([bob()])], stem="kept")
        equal(client.got_keys(bob(), [self.one]), {self.one: self.data}, "keys")

    def policy(self, uuid=None):
        return ("policy", alice().id, uuid or self.one)

    def key(self, uuid=None):
        return ("key", uuid or self.one)

    def resource(self, uuid=None):
        return ("resource", uuid or self.one)


# Each changes the database so that bob would get what he must not, or not what he may; and says what
# the refusal has to name. `old` is bob's policy as it was before it was revoked.
def edited_policy(base, owned, old):
    base.edit(*owned.policy())
    return owned.one


def edited_key(base, owned, old):
    base.edit(*owned.key())
    return owned.one


def edited_resource(base, owned, old):
    base.edit(*owned.resource())
    return owned.one


def swapped_keys(base, owned, old):
    base.swap(owned.key(), owned.key(owned.two))
    return owned.one


def swapped_policies(base, owned, old):
    base.swap(owned.policy(), owned.policy(owned.two))
    return owned.one


def removed_policy(base, owned, old):
    base.remove(*owned.policy())
    return owned.one


def removed_key(base, owned, old):
    base.remove(*owned.key())
    return owned.one


def policy_put_back(base, owned, old):
    base.put(old)
    return owned.one


def inserted_policy(base, owned, old):
    row = base.row(*owned.policy(owned.two))
    base.put((old[0], *row[1:]))
    return owned.one


ATTACKS = (
    edited_policy,
    edited_key,
    edited_resource,
    swapped_keys,
    swapped_policies,
    removed_policy,
    removed_key,
    policy_put_back,
    inserted_policy,
)
REVOKED = (policy_put_back, inserted_policy)


def prepared(scene, attack):
    """The scene of an attack, and bob's policy as it was if the attack is about one revoked."""
    owned = Owned(scene.client)
    old = None
    if attack in REVOKED:
        with Base(scene.server) as base:
            old = base.row(*owned.policy())
        scene.client.delete_policy(alice(), owned.one).ok()
        scene.client.get_keys(bob(), [owned.one]).refused(DENIED)
    return owned, old


# ---- Rows, while capsad runs ------------------------------------------------------------------


@suite.test
def rows_that_change_under_a_running_manager_are_refused_and_named():
    for attack in ATTACKS:
        with NativeRunning() as scene:
            owned, old = prepared(scene, attack)
            with Base(scene.server) as base:
                named = attack(base, owned, old)
            for client in (scene.client, scene.original):
                answer = client.get_keys(bob(), [owned.one])
                what = "%s: %r" % (attack.__name__, answer)
                holds(answer.code == TAMPERED and not answer.body, what)
                holds(owned.one not in answer.message, "the peer is told which: " + what)
            contains(scene.server.logs(), named)
            # What nobody touched is served on.
            keys = scene.client.got_keys(bob(), [owned.untouched])
            equal(keys, {owned.untouched: owned.kept}, "keys that nobody touched")
            last = [leaf.type for leaf in scene.client.whole_log()[0]]
            equal(last.count(KIND["key-release"]), 2, "releases in the log")


@suite.test
def lists_with_a_row_less_are_refused():
    with NativeRunning() as scene:
        owned = Owned(scene.client)
        equal(len(scene.client.list_policies(alice())), 2, "policies")
        with Base(scene.server) as base:
            base.remove(*owned.policy(owned.two))
        answer = scene.client.ask(
            "ListDataPolicy", {"owner_party_id": alice().id, "scope": "default"}, alice()
        )
        answer.refused(TAMPERED)
        contains(scene.server.logs(), "missing")


@suite.test
def what_was_tampered_with_is_not_written_over():
    with NativeRunning() as scene:
        owned = Owned(scene.client)
        with Base(scene.server) as base:
            base.edit(*owned.policy())
        scene.client.add_rule(alice(), owned.one, rule([carol()])).refused(TAMPERED)
        scene.client.delete_policy(alice(), owned.one).refused(TAMPERED)
        # Nor what lies beneath a version that the manager knows better.
        with Base(scene.server) as base:
            base.remove(*owned.key())
        scene.client.create_keys(alice(), {owned.one: new_key()}).refused(TAMPERED)


@suite.test
def entries_that_change_under_a_running_manager_are_refused_and_named():
    with NativeRunning() as scene:
        Owned(scene.client)
        entries = scene.client.all_audit(alice())
        newest, oldest = entries[0].index, entries[-1].index
        with Base(scene.server) as base:
            base.remove("capsa.log", "leaf", "%016x" % newest)
        scene.client.list_audit(alice()).refused(TAMPERED)
        contains(scene.server.logs(), "entry %d of the audit log was removed" % newest)
        with Base(scene.server) as base:
            base.edit("capsa.log", "leaf", "%016x" % oldest)
        log = scene.client.audit_log(oldest, 1)
        holds(log.status.code == TAMPERED and not log.leaves, "GetAuditLog: %r" % log)
        contains(scene.server.logs(), "leaf/%016x" % oldest)


@suite.test
def head_that_is_put_back_under_a_running_manager_stops_it():
    with NativeRunning() as scene:
        owned = Owned(scene.client)
        with Base(scene.server) as base:
            old = base.row("capsa.log", "head")
            scene.client.got_keys(bob(), [owned.one])
            base.put(old)
        answer = scene.client.get_keys(bob(), [owned.one])
        holds(answer.code and not answer.body, "a key left beside the log: %r" % answer)
        contains(scene.server.logs(), "head")
        scene.server.kill()
        refused_restart(scene.server, "head", "put back")
        scene.server.process.stdout.close()
        scene.client.close()
        scene.original.close()
        scene.stop = lambda: None


# ---- Rows, while it does not run --------------------------------------------------------------


@suite.test
def rows_that_changed_while_it_was_stopped_are_named_at_the_start():
    for attack in ATTACKS:
        scene = NativeRunning()
        owned, old = prepared(scene, attack)
        scene.stop()
        with Base(scene.server) as base:
            named = attack(base, owned, old)
        refusal = refused_restart(scene.server, named)
        holds(refusal.status == 10, "%s: exit status %d" % (attack.__name__, refusal.status))


def leaf(index):
    return ("capsa.log", "leaf", "%016x" % index)


TILE = ("capsa.log", "tile")

OWN = (
    ("the genesis edited", lambda base: base.edit("capsa", "genesis"), "capsa/genesis"),
    ("the genesis removed", lambda base: base.remove("capsa", "genesis"), "capsa/genesis"),
    ("the slot edited", lambda base: base.edit("capsa", "slot"), "slot"),
    ("the slot removed", lambda base: base.remove("capsa", "slot"), "slot"),
    ("the signing keys edited", lambda base: base.edit("capsa", "signing"), "capsa/signing"),
    ("the signing keys removed", lambda base: base.remove("capsa", "signing"), "signing"),
    ("an envelope key edited", lambda base: base.edit("envelope", "current"), "envelope/current"),
    ("an envelope key removed", lambda base: base.remove("envelope", "current"), "envelope"),
    ("the head edited", lambda base: base.edit("capsa.log", "head"), "capsa.log/head"),
    ("the head removed", lambda base: base.remove("capsa.log", "head"), "head"),
    ("an entry edited", lambda base: base.edit(*leaf(259)), "leaf/%016x" % 259),
    ("an entry removed", lambda base: base.remove(*leaf(259)), "entry 259"),
    ("two entries swapped", lambda base: base.swap(leaf(258), leaf(259)), "leaf/%016x" % 258),
    ("a tile edited", lambda base: base.edit(*TILE), "tile/"),
    ("a tile removed", lambda base: base.remove(*TILE), "tile 0/0"),
)


class LongLog:
    """A stopped manager whose log has more than one tile, and its head as it was before the end."""

    def __init__(self):
        scene = NativeRunning()
        self.owned = Owned(scene.client)
        for _ in range(250):
            scene.original.create_keys(alice(), {fresh("many"): b"k"}).ok()
        with Base(scene.server) as base:
            self.head = base.row("capsa.log", "head")
        _, self.since = scene.client.whole_log()
        scene.original.create_keys(alice(), {fresh("many"): b"k"}).ok()
        _, self.note = scene.client.whole_log()
        self.server = scene.server
        scene.stop()

    def stop(self):
        """For Suite.shared: it has stopped already."""


def long_log():
    return suite.shared("long_log", LongLog)


@suite.test
def what_the_manager_keeps_for_itself_is_guarded():
    holds(long_log().note.size > 260, "%d entries are no long log" % long_log().note.size)
    for what, attack, named in OWN:
        with copied(long_log().server) as server:
            with Base(server) as base:
                attack(base)
            try:
                text = refused_restart(server, named).text
            except AssertionError as error:
                raise AssertionError("%s: %s" % (what, error))
            holds("CORE" not in text, text)
            database = os.path.join(server.folder, "data", "capsa.db")
            holds(os.path.exists(database), "the database is gone")


@suite.test
def head_that_was_put_back_while_it_was_stopped_is_noticed():
    with copied(long_log().server) as server:
        with Base(server) as base:
            base.put(long_log().head)
        refused_restart(server, "the head of the audit log was put back")


# ---- The log of a store that capsad does not open ---------------------------------------------


def verify(server, *more):
    """(exit status, what it says) of capsa audit verify --data-dir."""
    data = os.path.join(server.folder, "data")
    status, out, err = run(CAPSA, "audit", "verify", "--data-dir", data, *more)
    return status, out + err


VERDICTS = (
    ("an entry edited", lambda base: base.edit(*leaf(7)), 11, "entry 7"),
    ("an entry removed", lambda base: base.remove(*leaf(7)), 12, "entry 7"),
    ("two entries swapped", lambda base: base.swap(leaf(8), leaf(7)), 11, "entry 7"),
    ("a head put back", lambda base: base.put(long_log().head), 13, "does not stand behind"),
    ("a head edited", lambda base: base.edit("capsa.log", "head"), 16, "checkpoint behind entry"),
)


@suite.test
def the_log_of_a_store_is_verified_offline():
    status, text = verify(long_log().server)
    equal(status, 0, "exit status (%s)" % text)
    contains(text, "sound: %d entries" % long_log().note.size)
    for what, attack, wanted, named in VERDICTS:
        with copied(long_log().server) as server:
            with Base(server) as base:
                attack(base)
            status, text = verify(server)
            holds(status == wanted and named in text, "%s: %d %s" % (what, status, text))


@suite.test
def a_log_that_was_cut_is_told():
    size = long_log().note.size
    since = os.path.join(temporary_folder("since"), "since")
    with open(since, "w", encoding="utf-8") as file:
        file.write(long_log().note.text)
    with copied(long_log().server) as server:
        with Base(server) as base:
            base.remove(*leaf(size - 1))
        status, text = verify(server)
        holds(status == 14, "%d %s" % (status, text))
        # With its head it is an earlier log, sound in itself: a checkpoint that was kept tells.
        with Base(server) as base:
            base.put(long_log().head)
            equal(long_log().since.size, size - 1, "entries that the old head covers")
        equal(verify(server)[0], 0, "exit status")
        equal(verify(server, "--since", since)[0], 14, "exit status with --since")
    equal(verify(long_log().server, "--since", since)[0], 0, "exit status of the whole log")
    with open(since, "w", encoding="utf-8") as file:
        file.write(long_log().since.text.replace("\n%d\n" % (size - 1), "\n%d\n" % size, 1))
    status, text = verify(long_log().server, "--since", since)
    holds(status == 2 and "since" in text, "an unsigned checkpoint: %d %s" % (status, text))


@suite.test
def verifying_a_store_offline_needs_its_root_key_and_that_it_is_closed():
    with NativeRunning() as scene:
        status, text = verify(scene.server)
        holds(status == 5 and "use" in text, "while it runs: %d %s" % (status, text))
    folder = temporary_folder("elsewhere")
    with copied(long_log().server) as server:
        data = os.path.join(server.folder, "data")
        os.rename(os.path.join(data, "root.key"), os.path.join(folder, "root.key"))
        status, text = verify(server)
        holds(status and "root.key" in text, "without a root key: %d %s" % (status, text))
        holds(not os.path.exists(os.path.join(data, "root.key")), "a root key was made")
        root = os.path.join(folder, "root.key")
        equal(verify(server, "--root-key", root)[0], 0, "exit status with --root-key")
        wrong = verify(server, "--root-key", root, "--manager-id", "0" * 64)
        holds(wrong[0] == 2, "the log of another: %d %s" % wrong)


# ---- Everything put back ----------------------------------------------------------------------


class Person:
    """Alice with the command, in a folder that remembers what it met."""

    def __init__(self):
        self.folder = temporary_folder("alice")
        self.key, self.certs = alice().write(self.folder, "alice")

    def capsa(self, server, *words):
        env = {**os.environ, "XDG_CONFIG_HOME": os.path.join(self.folder, "config")}
        env.update(CAPSA_HOST=server.target, CAPSA_CERT=self.certs[0], CAPSA_KEY=self.key)
        return run(CAPSA, *words, env=env, cwd=self.folder)


def data_of(server):
    return os.path.join(server.folder, "data")


def put_back(server, saved):
    shutil.rmtree(data_of(server))
    shutil.copytree(saved, data_of(server))


@suite.test
def a_store_put_back_as_a_whole_is_noticed_by_who_kept_a_checkpoint():
    person = Person()
    scene = NativeRunning()
    uuid, _ = owned(scene.client, alice(), [rule([bob()])])
    scene.stop()
    saved = os.path.join(temporary_folder("saved"), "data")
    shutil.copytree(data_of(scene.server), saved)
    scene.server.start()
    contains(scene.server.stderr(), "anchor    none", "put back as a whole is not noticed")
    status, _, err = person.capsa(scene.server, "policy", "delete", uuid)
    equal(status, 0, "exit status of policy delete (%s)" % err)
    equal(person.capsa(scene.server, "audit", "verify")[0], 0, "exit status of audit verify")
    scene.server.stop()
    put_back(scene.server, saved)
    scene.server.start()  # sound in itself
    for words in (
        ("policy", "list"),
        ("audit", "list"),
        ("audit", "checkpoint"),
        ("key", "get", uuid, "--op", "o", "--out", "no"),
    ):
        status, out, err = person.capsa(scene.server, *words)
        holds(status, "%s: %r" % (words, out))
        contains(err, "the answer is not used")
    status, out, err = person.capsa(scene.server, "audit", "verify")
    # Cut, until it has grown again: then it is another log.
    holds(status in (14, 15), "audit verify: %d %s %s" % (status, out, err))
    with native.Client(scene.server.target) as client:  # who kept nothing cannot know
        client.got_keys(bob(), [uuid])
    scene.server.stop()


@suite.test
def a_store_put_back_as_a_whole_is_refused_by_its_anchor():
    anchor = "file:" + os.path.join(temporary_folder("anchor"), "anchor")
    scene = NativeRunning(anchor=anchor)
    contains(scene.server.stderr(), "anchor    file")
    uuid, data = owned(scene.client, alice(), [rule([bob()])])
    scene.stop()
    saved = os.path.join(temporary_folder("saved"), "data")
    shutil.copytree(data_of(scene.server), saved)
    scene.server.start()
    with native.Client(scene.server.target) as client:
        client.delete_policy(alice(), uuid).ok()
    scene.server.stop()
    newest = os.path.join(temporary_folder("newest"), "data")
    shutil.copytree(data_of(scene.server), newest)
    put_back(scene.server, saved)
    equal(refused_restart(scene.server, "anchor", "put back").status, 10, "exit status")
    put_back(scene.server, newest)
    scene.server.start()
    with native.Client(scene.server.target) as client:
        client.get_keys(bob(), [uuid]).refused(DENIED)
    scene.server.stop()
    # Without its anchor it would start; with another one it would not be missed: so that is said.
    os.unlink(anchor[5:])
    scene.server.start().stop()


@suite.test
def of_two_daemons_with_one_anchor_the_second_does_not_start():
    anchor = "file:" + os.path.join(temporary_folder("anchor"), "anchor")
    scene = NativeRunning(anchor=anchor)
    owned(scene.client, alice())
    scene.stop()
    twin = copied(scene.server, anchor=anchor)
    with scene.server.start():
        equal(refused_restart(twin, "anchor").status, 5, "exit status of the second")
        with native.Client(scene.server.target) as client:
            owned(client, alice())
    # The copy is behind now, and says so.
    equal(refused_restart(twin, "anchor", "put back").status, 10, "exit status of the copy")


@suite.test
def an_anchor_that_does_not_follow_stops_releases():
    folder = temporary_folder("anchor")
    anchor = os.path.join(folder, "anchor")
    with NativeRunning(anchor="file:" + anchor, admin_listen="127.0.0.1:0") as scene:
        owned_ = Owned(scene.client)
        with open(anchor, "rb") as file:
            good = file.read()
        os.unlink(anchor)
        os.mkdir(anchor)
        scene.client.get_keys(bob(), [owned_.one]).refused(STORE_FAILED)
        equal(scene.server.get("/readyz")[0], 503, "status of /readyz")
        contains(scene.server.logs(), "anchor")
        os.rmdir(anchor)
        with open(anchor, "wb") as file:
            file.write(good)
        wait_until_ready(scene.server)
        equal(scene.client.got_keys(bob(), [owned_.one]), {owned_.one: owned_.data}, "keys")


# ---- No room, no file -------------------------------------------------------------------------


def wait_until_ready(server):
    """It looks every two seconds."""
    deadline = time.monotonic() + PATIENCE
    while server.get("/readyz")[0] != 200:
        holds(time.monotonic() < deadline, "not ready: " + server.get("/readyz")[1])
        time.sleep(0.1)


class Counted:
    """Asks for a key again and again; every release that was answered has its entry."""

    def __init__(self, scene):
        self.scene = scene
        self.owned = Owned(scene.client)
        self.ids = []

    def get(self):
        answer = self.scene.client.get_keys(bob(), [self.owned.one])
        if answer.code == 0:
            self.ids.append(answer.decision_id)
        return answer

    def until_refused(self, most=2000):
        for _ in range(most):
            answer = self.get()
            if answer.code:
                holds(not answer.body, "a refusal with a body")
                return answer
        raise AssertionError("%d releases without a refusal" % most)

    def check(self, client=None):
        client = client or self.scene.client
        listed = {e.decision_id for e in client.all_audit(alice()) if e.type in RELEASES}
        missing = [id for id in self.ids if id not in listed]
        holds(not missing, "%d of %d releases have no entry" % (len(missing), len(self.ids)))
        return len(self.ids)


def limited():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing beyond it fails instead
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (300000, most))


@suite.test
def a_full_disk_stops_releases_until_there_is_room():
    quiet = {"log_config__log_dir": "", "admin_listen": "127.0.0.1:0"}
    scene = NativeRunning(before=limited, log_config__enable_console_logger="false", **quiet)
    try:
        counted = Counted(scene)
        answer = counted.until_refused()
        equal(answer.code, STORE_FAILED, "code of a release with a full disk (%r)" % answer)
        holds(scene.server.folder not in answer.message, "the answer names paths")
        scene.client.create_keys(alice(), {fresh(): new_key()}).refused(STORE_FAILED)
        scene.client.delete_policy(alice(), counted.owned.one).refused(STORE_FAILED)
        status, text, _ = scene.server.get("/readyz")
        holds(status == 503 and '"state":"store"' in text, "/readyz: %d %s" % (status, text))
        equal(len(scene.client.list_policies(alice())), 2, "policies, which only need reading")
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.prlimit(scene.server.process.pid, resource.RLIMIT_FSIZE, (most, most))
        wait_until_ready(scene.server)
        counted.get().ok()
        scene.server.before = None
        count = counted.check()
        scene.restart(kill=True)
        counted.get().ok()
        holds(counted.check() == count + 1, "entries after a restart")
        scene.stop()
    finally:
        scene.server.kill()


def database_taken_away(scene):
    """Its name is gone, its bytes go on."""
    for name in ("capsa.db", "capsa.db-wal", "capsa.db-shm"):
        path = os.path.join(data_of(scene.server), name)
        if os.path.exists(path):
            os.rename(path, path + ".away")


def brought_back(scene):
    for name in os.listdir(data_of(scene.server)):
        if name.endswith(".away"):
            path = os.path.join(data_of(scene.server), name)
            os.replace(path, path[: -len(".away")])


@suite.test
def a_database_that_is_taken_away_stops_releases():
    scene = NativeRunning(admin_listen="127.0.0.1:0")
    try:
        counted = Counted(scene)
        counted.get().ok()
        database_taken_away(scene)
        answer = counted.get()
        holds(answer.code == STORE_FAILED and not answer.body, "a release into nothing: %r" % answer)
        scene.client.create_keys(alice(), {fresh(): new_key()}).refused(STORE_FAILED)
        status, text, _ = scene.server.get("/readyz")
        holds(status == 503 and '"state":"store"' in text, "/readyz: %d %s" % (status, text))
        contains(scene.server.logs(), "capsa.db")
        scene.server.kill()
        brought_back(scene)
        scene.restart(kill=True)
        counted.get().ok()
        counted.check()
        scene.stop()
    finally:
        scene.server.kill()


@suite.test
def a_database_that_is_replaced_stops_releases():
    scene = NativeRunning(admin_listen="127.0.0.1:0")
    try:
        counted = Counted(scene)
        copy = os.path.join(temporary_folder("copy"), "copy.db")
        status, _, err = run(CAPSA, "store", "backup", "--data-dir", data_of(scene.server),
                             "--to", copy)  # fmt: skip
        equal(status, 0, "exit status of the backup (%s)" % err)
        counted.get().ok()
        database_taken_away(scene)
        shutil.copyfile(copy, os.path.join(data_of(scene.server), "capsa.db"))
        for _ in range(3):
            answer = counted.get()
            what = "a release into another database: %r" % answer
            holds(answer.code == STORE_FAILED and not answer.body, what)
        equal(scene.server.get("/readyz")[0], 503, "status of /readyz")
        scene.server.kill()
        brought_back(scene)
        scene.restart(kill=True)
        counted.get().ok()
        counted.check()
        scene.stop()
    finally:
        scene.server.kill()


# ---- While it opens ---------------------------------------------------------------------------


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Watched:
    """A server whose /readyz is asked all the time while it starts: [(status, answer)]."""

    def __init__(self, server):
        server.flags["admin_listen"] = server.admin = "127.0.0.1:%d" % free_port()
        self.seen, self.server, self.refusal = [], server, None
        thread = threading.Thread(target=self._start)
        thread.start()
        while thread.is_alive():
            self._ask()
        thread.join()

    def _start(self):
        try:
            self.server.start()
        except NotStarted as refusal:
            self.refusal = refusal

    def _ask(self):
        try:
            status, text, _ = self.server.get("/readyz")
            self.seen.append((status, json.loads(text)))
        except OSError:
            pass  # not yet, or no more

    def states(self):
        return [answer["state"] for _, answer in self.seen]


@suite.test
def readyz_tells_how_far_a_start_is():
    server = Server(start=False, rsa_bits=4096)
    watched = Watched(server)
    equal(watched.refusal, None, "refusal")
    early = [(status, answer) for status, answer in watched.seen if not answer["ready"]]
    holds("starting" in watched.states(), "states are %r" % watched.states())
    equal({status for status, _ in early}, {503}, "statuses before it was ready")
    states = {answer["state"] for _, answer in early}
    holds(states <= {"uninitialised", "sealed", "starting"}, "states are %r" % states)
    status, text, _ = server.get("/readyz")
    equal((status, json.loads(text)["state"]), (200, "open"), "/readyz at the end")
    server.stop()


@suite.test
def readyz_counts_the_records_of_a_store_that_is_looked_at():
    with copied(long_log().server) as server:
        with Base(server) as base:
            key, *row = base.row("resource", long_log().owned.one)
            base.base.execute("BEGIN")
            base.base.executemany(
                "INSERT INTO record VALUES (?, ?, ?, ?)",
                ((key + part("%d" % n), *row) for n in range(200000)),
            )
            base.base.execute("COMMIT")
        watched = Watched(server)
        counts = [a["records_checked"] for s, a in watched.seen if a["state"] == "sealed"]
        holds(counts == sorted(counts), "the count goes back")
        holds(any(0 < count for count in counts), "no count was seen: %r" % watched.seen[:5])
        holds(not any(answer["ready"] for _, answer in watched.seen), "it was ready")
        equal(watched.refusal and watched.refusal.status, 10, "exit status")


# ---- Sent again after a crash -----------------------------------------------------------------


@suite.test
def requests_are_spent_across_kill_9():
    with NativeRunning() as scene:
        owned_ = Owned(scene.client)
        held = {"resource_uri": fresh("again"), "data_key_b64": "AAAAAAAAAAAAAAAAAAAAAA=="}
        create = {"owner_party_id": alice().id, "data_keys": [held]}
        recorded = scene.original.build(create, alice())
        equal(scene.original.send("CreateDataKeys", recorded).code, 0, "code")
        request, sealed = scene.client.make(
            "DeleteDataKey", {"owner_party_id": alice().id, "resource_uri": held["resource_uri"]},
            alice())  # fmt: skip
        scene.client.deliver("DeleteDataKey", request, sealed).ok()
        denied, denied_seal = scene.client.make(
            "DeleteDataKey", {"owner_party_id": bob().id, "resource_uri": owned_.one},
            bob())  # fmt: skip
        refusal = scene.client.deliver("DeleteDataKey", denied, denied_seal)
        holds(refusal.code and refusal.decision_id, "%r" % refusal)
        for kill in (False, True, True):
            if kill:
                scene.restart(kill=True)
            scene.original.send("CreateDataKeys", recorded).is_refused(EXISTS)
            scene.client.deliver("DeleteDataKey", request, sealed).refused(EXISTS)
            scene.client.deliver("DeleteDataKey", denied, denied_seal).refused(EXISTS)
            # The key stays deleted, though the request that made it came again.
            again = scene.client.make(
                "DeleteDataKey",
                {"owner_party_id": alice().id, "resource_uri": held["resource_uri"]}, alice()
            )  # fmt: skip
            holds(scene.client.deliver("DeleteDataKey", *again).code, "the key came back")


# ---- What the genesis allows ------------------------------------------------------------------


@suite.test
def a_store_opens_only_as_its_genesis_says():
    option = "insecure_claimed_initiator"
    with NativeRunning() as plain:
        plain_id = plain.client.manager.id
        equal(list(plain.client.manager.genesis.insecure), [], "insecure options of the genesis")
    refusal = refused_restart(with_flags(plain.server, **{option: "true"}), option)
    equal(refusal.status, 2, "exit status")
    with_flags(plain.server, **{option: None}).start()
    with native.Client(plain.server.target) as client:
        equal(client.manager.id, plain_id, "manager id")
    plain.server.stop()
    with NativeRunning(**{option: "true"}) as loose:
        equal(list(loose.client.manager.genesis.insecure), [option], "insecure options")
        holds(loose.client.manager.id != plain_id, "two managers have one id")
    with_flags(loose.server, **{option: None}).start()  # fewer than it may
    loose.server.stop()
    text = refused_restart(with_flags(loose.server, insecure_client_env="true"), "client_env").text
    holds("insecure_claimed_initiator" not in text, "it names what is allowed: " + text)


def with_flags(server, **flags):
    server.flags.update(flags)
    return server


# ---- Another root -----------------------------------------------------------------------------


def store(server, verb, *more):
    status, out, err = run(CAPSA, "store", verb, "--data-dir", data_of(server), *more)
    return status, out + err


@suite.test
def rekey_keeps_everything_and_stands_in_the_log():
    scene = NativeRunning()
    owned_ = Owned(scene.client)
    known, entries = scene.client.manager.id, len(scene.client.all_audit(alice()))
    for verb in ("slots", "rekey"):
        status, text = store(scene.server, verb)
        holds(status == 5 and "use" in text, "%s while it runs: %d %s" % (verb, status, text))
    scene.stop()
    status, text = store(scene.server, "slots")
    equal(status, 0, "exit status of slots")
    contains(text, "provider file", "root epoch 1", known)
    copy = os.path.join(temporary_folder("copy"), "data")
    shutil.copytree(data_of(scene.server), copy)
    for epoch in (2, 3):
        status, text = store(scene.server, "rekey")
        equal(status, 0, "exit status of rekey (%s)" % text)
        contains(text, "root epoch %d" % epoch)
        contains(store(scene.server, "slots")[1], "root epoch %d" % epoch)
        equal(verify(scene.server)[0], 0, "exit status of audit verify --data-dir")
    scene.server.start()
    client = native.Client(scene.server.target, known)
    client.kept = scene.client.kept  # the log goes on from what was seen before
    equal(client.got_keys(bob(), [owned_.one]), {owned_.one: owned_.data}, "keys")
    equal([r["rule_id"] for r in client.list_policies(alice())[owned_.one]], ["one"], "rules")
    equal(len(client.all_audit(alice())), entries + 1, "entries of alice")
    leaves, _ = client.whole_log()
    equal([leaf.type for leaf in leaves].count(4), 2, "entries about a rekey")
    client.close()
    scene.server.stop()
    # The copy from before is a store of its own, as sound as it was; rows of one are not the other's.
    with Base(scene.server) as new:
        old = sqlite3.connect(os.path.join(copy, "capsa.db"))
        key = new.row(*owned_.policy())[0]
        row = old.execute("SELECT * FROM record WHERE key = ?", (key,)).fetchone()
        old.close()
        good = new.row(*owned_.policy())
        new.put(row)
    refused_restart(scene.server, owned_.one)
    with Base(scene.server) as new:
        new.put(good)
    scene.server.start().stop()
    put_back(scene.server, copy)
    contains(store(scene.server, "slots")[1], "root epoch 1")
    scene.server.start().stop()


@suite.test
def rekey_refuses_what_was_tampered_with():
    scene = NativeRunning()
    owned_ = Owned(scene.client)
    scene.stop()
    with Base(scene.server) as base:
        base.edit(*owned_.policy())
        before = list(base.base.iterdump())
    status, text = store(scene.server, "rekey")
    holds(status == 10 and owned_.one in text, "%d %s" % (status, text))
    with Base(scene.server) as base:
        holds(list(base.base.iterdump()) == before, "it changed the store")
    contains(store(scene.server, "slots")[1], "root epoch 1")


@suite.test
def kill_9_within_a_rekey_leaves_one_root_or_the_other():
    scene = NativeRunning()
    owned_ = Owned(scene.client)
    for _ in range(20):
        scene.original.create_keys(alice(), {"%s/%d" % (fresh(), n): b"k" for n in range(50)}).ok()
    known = scene.client.manager.id
    scene.stop()
    started = time.monotonic()
    equal(store(scene.server, "rekey")[0], 0, "exit status of rekey")
    whole = time.monotonic() - started
    epoch, killed, finished = 2, 0, 0
    for _ in range(60 if FULL else 6):
        process = subprocess.Popen(
            [CAPSA, "store", "rekey", "--data-dir", data_of(scene.server)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(random.uniform(0, whole))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        text = store(scene.server, "slots")[1]
        finished += "root epoch %d" % (epoch + 1) in text
        epoch += "root epoch %d" % (epoch + 1) in text
        contains(text, "root epoch %d" % epoch)
        status, text = verify(scene.server)
        equal(status, 0, "exit status of audit verify (%s)" % text)
    scene.server.start()
    with native.Client(scene.server.target, known) as client:
        equal(client.got_keys(bob(), [owned_.one]), {owned_.one: owned_.data}, "keys")
        count = [leaf.type for leaf in client.whole_log()[0]].count(4)
        equal(count, finished + 1, "entries about a rekey")
    scene.server.stop()
    print("  %d were killed, %d finished" % (killed, finished))


suite.main()
