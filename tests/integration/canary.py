#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does any secret come out where none belongs?

More than 64 secrets are planted: data keys, results' keys, keys of envelopes, private keys of
parties, of TLS and of the manager, the root key, sealed files and votes. They pass through whatever
the command and the clients can do, through requests that are refused at every layer, and through
files that are damaged; capsad logs at its finest. Then every byte is looked through of: logs,
standard output and error, the admin pages, messages to peers, the database, backups, argument
lists, environments, and what a core dump would hold.

A further place to look is one more line in PLACES.
"""

import glob
import json
import os
import re
import resource
import signal
import subprocess
import sys

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop")
)

import native
import parties
import protocol
from canaries import Canaries
from harness import (
    BIN,
    CAPSA,
    CAPSAD,
    PATIENCE,
    ROOT,
    NotStarted,
    Server,
    Skip,
    Suite,
    equal,
    holds,
    temporary_folder,
)
from nativescene import votes_of
from protocol import Client, b64, fresh, rule, vote_result
from scene import PACKAGES
from tls import Tls

suite = Suite()
suite.needs(*PACKAGES)

LAYERS = (
    {"x5c": None},
    {"has_signature": False},
    {"tag_bytes": 15},
    {"alg": "dir"},
    {"alg": "RSA1_5"},
    {"iv": 7},
    {"encrypted_key": b"short"},
    {"jws_alg": "none"},
    {"tamper_jws": lambda m: m.update(signature=m["signature"][:-4])},
    {"tamper_jws": lambda m: m.update(payload=m["payload"][:-3])},
    {"tamper_jwe": lambda m: m.update(ciphertext=m["ciphertext"][:-8])},
)


NATIVE_LAYERS = (
    {"aud": "0" * 64},
    {"said_method": "DeleteDataKey"},
    {"iat": lambda now: now - 1000},
    {"jti": "c2hvcnQ"},
    {"version": 7},
    {"x5c": None},
    {"jws_alg": "none"},
    {"jws_header": {"crit": ["x"]}},
    {"header": {"zip": "DEF"}},
    {"header_text": b"{"},
    {"alg": "RSA-OAEP"},
    {"tag_bytes": 15},
    {"iv": 7},
    {"aad": "more"},
    {"encrypted_key": bytes(40)},
    {"tamper_jws": lambda m: m.update(signature=m["signature"][:-4])},
    {"tamper_jws": lambda m: m.update(payload=m["payload"][:-3])},
    {"tamper": lambda m: m.update(ciphertext=m["ciphertext"][:-8])},
)


def root_key_of(server):
    return "root key in " + os.path.basename(server.folder)


def load_key(pem):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem, None)


class Scene:
    """Everything that happens, once; what it said is kept in `heard`, by place."""

    def __init__(self):
        self.canaries = Canaries()
        self.heard = {}  # place -> bytes
        self.folder = temporary_folder("canary")
        self.people = {}
        for name in ("alice", "bob", "carol"):
            self.people[name] = parties.plain(name)
            self.canaries.add_key(name + "'s key", self.people[name].key)
            self.people[name].write(self.folder, name)
        self.tls = Tls("canary")
        for name in ("server", "client"):
            self.canaries.add_key("TLS key of the " + name, load_key(self.tls.read(name + ".key")))
        # One has a key of the operator's, which is known here; it speaks the original's protocol alone.
        self.server = Server(**self._flags(), **self._injected())
        self.native = Server(**self._flags())
        self.servers = (self.server, self.native)
        for server in self.servers:
            self._plant_root_key(server)
        self._run()
        self._end()

    # ---- Listening ----

    def hear(self, place, data):
        self.heard[place] = self.heard.get(place, b"") + data + b"\n"

    def hear_process(self, pid):
        for name in ("cmdline", "environ"):
            try:
                with open("/proc/%d/%s" % (pid, name), "rb") as file:
                    self.hear("argument lists and environments", file.read())
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass  # it has ended, or forbids it

    def capsa(self, *arguments, stdin=None, shows_key=False):
        """The command, in the scene's folder. A few verbs are asked to print a key."""
        process = subprocess.Popen(
            [CAPSA, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
        )
        self.hear_process(process.pid)
        out, err = process.communicate(stdin, PATIENCE)
        self.hear("what capsa says", err if shows_key else out + err)
        return process.returncode, out

    # ---- Planting ----

    def _flags(self):
        return self.tls.flags(
            log_config__log_level="debug",
            log_config__enable_console_logger="true",
            admin_listen="127.0.0.1:0",
        )

    def _injected(self):
        manager = parties.plain("manager")
        self.canaries.add_key("manager's key", manager.key)
        manager.write(self.folder, "cm")
        return {
            "enable_inject_cm_key": "true",
            "cm_private_key_path": os.path.join(self.folder, "cm.key"),
            "cm_cert_path": os.path.join(self.folder, "cm.0.crt"),
        }

    def _plant_root_key(self, server):
        with open(os.path.join(server.folder, "data", "root.key")) as file:
            digits = re.search(r"^key ([0-9a-f]{64})$", file.read(), re.M)[1]
        self.canaries.add(root_key_of(server), bytes.fromhex(digits))

    def _run(self):
        self.client = Client(self.server.target, self.tls.credentials())
        sent = self.client.send
        self.client.send = lambda *a: self._listened(sent(*a))
        self._good_requests()
        self._refused_requests()
        self._broken_requests()
        self.client.close()
        self._native_requests()
        self._commands()
        self._audit()
        self._files()
        self._votes()
        for server in self.servers:
            for page in ("/metrics", "/healthz", "/readyz", "/nothing"):
                self.hear("admin pages", server.get(page)[1].encode())
            self.hear_process(server.process.pid)

    def _listened(self, answer):
        self.hear("messages to peers", answer.message.encode())
        return answer

    def _good_requests(self):
        alice, bob, carol = (self.people[name] for name in ("alice", "bob", "carol"))
        keys = {
            fresh("canary"): self.canaries.fresh("data key %d" % i, (16, 24, 32)[i % 3])
            for i in range(16)
        }
        self.client.create_keys(alice, keys).ok()
        for uuid in keys:
            self.client.create_policy(alice, uuid, [rule([carol], rule_id="one")]).ok()
        equal(self.client.got_keys(carol, list(keys)), keys, "keys")
        self.keys = keys
        self.results = {}
        for i in range(8):
            uri = fresh("result")
            self.results[uri] = self.canaries.fresh("key of a result %d" % i, 32)
            self.client.create_result(carol, uri, list(keys)[:2], self.results[uri]).ok()
        for uri, secret in self.results.items():
            equal(self.client.exported(alice, uri, vote_result(alice, uri)), secret, "export")
        for i, enc in enumerate(("A128GCM", "A256GCM")):
            cek = self.canaries.fresh("key of an envelope %d" % i, 32 if enc == "A256GCM" else 16)
            self.client.create_keys(bob, {fresh("b"): os.urandom(16)}, enc=enc, cek=cek).ok()
        self.client.register_cert(alice).ok()
        self.client.delete_key(alice, list(keys)[-1]).ok()

    def _body(self, name, size=32):
        data = self.canaries.fresh(name, size)
        held = [{"resource_uri": fresh("refused"), "data_key_b64": b64(data)}]
        return {"owner_party_id": self.people["alice"].id, "data_keys": held}

    def _refused_requests(self):
        alice, bob, carol = (self.people[name] for name in ("alice", "bob", "carol"))
        for i, knobs in enumerate(LAYERS):
            body = self._body("key refused at layer %d" % i)
            holds(self.client.ask("CreateDataKeys", body, alice, **knobs).code, "%r" % knobs)
        for code in (
            self.client.ask("CreateDataKeys", self._body("key of another"), bob).code,
            self.client.get_keys(bob, list(self.keys)[:3]).code,
            self.client.create_result(
                bob, fresh("r"), list(self.keys)[:1], self.canaries.fresh("result denied")
            ).code,
            self.client.export(bob, list(self.results)[0], vote_result(bob, "another")).code,
        ):
            holds(code, "a request was not refused")

    def _broken_requests(self):
        """Requests whose faults lie beside a secret, or in it."""
        alice = self.people["alice"]

        def told(name, change):
            body = self._body(name)
            body = change(body, body["data_keys"][0]["data_key_b64"])
            holds(self.client.ask("CreateDataKeys", body, alice).code, name + " was accepted")

        def with_key(value):
            return lambda body, secret: {
                **body,
                "data_keys": [{"resource_uri": "u", "data_key_b64": value(secret)}],
            }

        told("cut JSON", lambda body, secret: json.dumps(body)[:-9])
        told("JSON twice", lambda body, secret: json.dumps(body) * 2)
        told("unknown member", lambda body, secret: {**body, "comment": secret})
        told("no list", lambda body, secret: {**body, "data_keys": secret})
        told("list of text", lambda body, secret: {**body, "data_keys": [secret]})
        told("no base64", with_key(lambda secret: secret + "!"))
        told("a control byte", with_key(lambda secret: secret + "\x01"))
        told("no padding", with_key(lambda secret: secret.rstrip("=")))
        told("a list", with_key(lambda secret: [secret]))
        told("an object", with_key(lambda secret: {"k": secret}))
        told("too long", with_key(lambda secret: secret[:-4] * 200))
        told("not UTF-8", lambda body, secret: json.dumps(body).encode()[:-9] + b"\xff" + b'"}]}')
        told("not JSON", lambda body, secret: secret)
        told("a number", lambda body, secret: '{"owner_party_id": %s}' % secret)

    def _native_requests(self):
        """The same in the native protocol, with its own faults at its own layers."""
        alice, bob, carol = (self.people[name] for name in ("alice", "bob", "carol"))
        with native.Client(self.native.target, credentials=self.tls.credentials()) as client:
            deliver = client.deliver
            client.deliver = lambda *a, **k: self._listened(deliver(*a, **k))
            keys = {
                fresh("native"): self.canaries.fresh("native data key %d" % i, (16, 24, 32)[i % 3])
                for i in range(8)
            }
            client.create_keys(alice, keys).ok()
            for uuid in keys:
                client.create_policy(alice, uuid, [rule([carol], rule_id="one")]).ok()
            equal(client.got_keys(carol, list(keys)), keys, "keys")
            result, secret = fresh("result"), self.canaries.fresh("key of a native result", 32)
            client.create_result(carol, result, list(keys)[:2], secret).ok()
            votes = votes_of(alice, result, at=client)
            equal(client.exported(alice, result, votes), secret, "export")
            for i in range(4):
                cek = self.canaries.fresh("key of a native envelope %d" % i, 32)
                client.ask("CreateDataKeys", self._body("key in it %d" % i), alice, cek=cek).ok()
            for i, knobs in enumerate(NATIVE_LAYERS):
                body = self._body("key refused at native layer %d" % i)
                holds(client.ask("CreateDataKeys", body, alice, **knobs).code, "%r" % knobs)
            for code in (
                client.ask("CreateDataKeys", self._body("native key of another"), bob).code,
                client.get_keys(bob, list(keys)[:3]).code,
                client.ask("CreateDataKeys", {**self._body("native member"), "x": 1}, alice).code,
            ):
                holds(code, "a request was not refused")
            asset = client.get_asset(carol, list(keys)[:2]).ok().body["tls_asset"]
            self.canaries.add_key("TLS key of a group", load_key(asset["private_key"].encode()))
            # What leaves through the log: an owner's own entries, and everybody's leaves.
            for answer in (client.list_audit(alice), client.list_audit(bob)):
                self.hear("audit entries", json.dumps(answer.ok().body).encode())
            self.hear("audit entries", b"".join(client.audit_log(0, 1000).leaves))

    def _command_options(self):
        host = ["--host", self.native.target, "--root-ca", self.tls.path("ca/root.crt")]
        host += ["--tls-cert", self.tls.path("client.crt")]
        host += ["--tls-key", self.tls.path("client.key")]
        as_who = {
            name: ["--cert", name + ".0.crt", "--key", name + ".key"] for name in self.people
        }
        return host, as_who

    def _audit(self):
        """Everything that the command tells of the log."""
        host, as_who = self._command_options()
        alice = as_who["alice"] + host
        status, out = self.capsa("audit", "list", "--all", "-o", "json", *alice)
        equal(status, 0, "exit status of audit list")
        entries = json.loads(out)["entries"]
        holds(len(entries) > 20, "hardly any entries: %d" % len(entries))
        ids = {entry["type"]: entry["decision_id"] for entry in entries}
        holds({"denial", "key-release", "key-export"} <= set(ids), "kinds are %r" % set(ids))
        told = [self.capsa("policy", "explain", id, *alice)[0] for id in ids.values()]
        told += [
            self.capsa("audit", "list", "--all", *alice)[0],
            self.capsa("audit", "export", "--out", "log.txt", *host)[0],
            self.capsa("audit", "export", "--out", "-", *host)[0],
            self.capsa("audit", "checkpoint", *host)[0],
            self.capsa("audit", "verify", *host)[0],
            self.capsa("audit", "verify", "log.txt")[0],
            self.capsa("manager", "list")[0],
            self.capsa("manager", "show", *host)[0],
        ]
        equal(told, [0] * len(told), "exit statuses")
        holds(self.capsa("policy", "explain", "0" * 32, *alice)[0], "explained what never was")
        self.hear("exported audit logs", read(os.path.join(self.folder, "log.txt")))
        remembered = os.path.join(os.environ["XDG_CONFIG_HOME"], "**")
        for path in files(remembered, remembered + "/.*"):
            self.hear("what capsa remembers", path.encode() + b" " + read(path))

    def _commands(self):
        """The command does what a person does, with files for keys."""
        host, as_who = self._command_options()
        for i in range(4):
            data = self.canaries.fresh("key in a file %d" % i, 32)
            with open(os.path.join(self.folder, "data%d" % i), "w") as file:
                file.write(b64(data))
        alice, carol = as_who["alice"] + host, as_who["carol"] + host
        grantee = self.people["carol"].id
        told = [
            self.capsa("key", "register", "cli", "--data-key", "data0", *alice),
            self.capsa("rule", "add", "cli", "--id", "r", "--grantee", grantee, "--op", "o",
                       "--columns", "c", *alice),
            self.capsa("policy", "list", *alice),
            self.capsa("key", "get", "cli", "--op", "o", "--columns", "c", "--out", "got", *carol),
            self.capsa("result", "register", "cli-r", "--data-key", "data1", "--ancestor", "cli",
                       *carol),
            self.capsa("manager", "show", *host),
        ]  # fmt: skip
        equal([status for status, _ in told], [0] * len(told), "exit statuses")
        refused = [
            self.capsa("key", "register", "cli", "--data-key", "data2", *carol),
            self.capsa("key", "get", "cli", "--op", "x", "--columns", "c", "--out", "no", *carol),
            self.capsa("key", "register", "x", "--data-key", "alice.key", *alice),
            self.capsa("key", "register", "x", "--data-key", "alice.key", "-o", "json", *alice),
            self.capsa("party", "id", "alice.key"),
            self.capsa("policy", "put", "alice.key", *alice),
            self.capsa("policy", "put", "data3", *alice),
            self.capsa("policy", "lint", "data3"),
            self.capsa("policy", "eval", "--request", "data3", "true"),
            self.capsa("vote", "show", "data3"),
            self.capsa("cms", "--config-file", "data3", "get-public-key"),
            self.capsa("cms", "--config-file", "alice.key", "get-public-key"),
            self.capsa("store", "restore", "--data-dir", "none", "--from", "data3"),
        ]
        holds(all(status for status, _ in refused), "something was not refused: %r" % refused)
        backup = ["store", "backup", "--data-dir", os.path.join(self.native.folder, "data")]
        equal(self.capsa(*backup, "--to", "copy.db")[0], 0, "exit status of the backup")

    def _files(self):
        for i, form in enumerate(("capsa", "sdc1") * 3):
            text = self.canaries.fresh("sealed file %d" % i, 64)
            with open(os.path.join(self.folder, "plain"), "wb") as file:
                file.write(text)
            seal = ["file", "seal", "plain", "sealed%d" % i, "--data-key", "data3"]
            equal(self.capsa(*seal, "--format", form)[0], 0, "exit status of file seal")
            sealed = os.path.join(self.folder, "sealed%d" % i)
            with open(sealed, "rb") as file:
                self.hear("sealed files", file.read())
            os.unlink(os.path.join(self.folder, "plain"))
            self.capsa("file", "show", "sealed%d" % i)
            holds(self.capsa("file", "open", sealed, "no", "--data-key", "data2")[0], "wrong key")
            with open(sealed, "r+b") as file:
                file.truncate(os.path.getsize(sealed) - 9)
            holds(self.capsa("file", "open", sealed, "no", "--data-key", "data3")[0], "cut file")

    def _votes(self):
        """Members that nobody asked for, and words that are no action, in what owners sign."""
        alice = self.people["alice"]
        uri = list(self.results)[1]
        client = Client(self.server.target, self.tls.credentials())
        for i in range(4):
            secret = self.canaries.fresh_text("value in a vote %d" % i)
            told = [
                client.export(alice, uri, vote_result(alice, uri, note=secret)),
                client.export(alice, uri, vote_result(alice, uri, kind=secret)),
                client.export(alice, uri, json.dumps({"vote_request": secret, "vote_invite": []})),
                client.export(alice, uri, secret),
            ]
            request = protocol.vote_request(alice, uri)
            voted = protocol.vote(self.people["bob"], request, action=secret)
            votes = {"vote_request": request, "vote_invite": [voted]}
            for answer in told + [client.export(alice, uri, votes)]:
                self._listened(answer)
        client.close()

    def _end(self):
        """While it runs: what a core dump would hold. Then it ends, and the rest is heard."""
        self.cores = [CoreOf(server.process.pid, server.folder) for server in self.servers]
        for server in self.servers:
            server.signal(signal.SIGTERM)
            self.hear("standard output of capsad", server.process.stdout.read())
            server.wait()
        data = os.path.join(self.native.folder, "data")
        equal(self.capsa("audit", "verify", "--data-dir", data)[0], 0, "exit status")
        equal(self.capsa("store", "slots", "--data-dir", data)[0], 0, "exit status")
        equal(self.capsa("store", "rekey", "--data-dir", data)[0], 0, "exit status")

    def stop(self):
        """For Suite.shared: the server has stopped already."""


def files(*patterns):
    for pattern in patterns:
        yield from filter(os.path.isfile, sorted(glob.glob(pattern, recursive=True)))


def scene():
    return suite.shared("scene", Scene)


def read(path):
    with open(path, "rb") as file:
        return file.read()


# Files that may hold no secret: what of the server's folder (%s), by place.
PLACES = {
    "logs": ("%s/log/**", "%s/stderr.*"),
    "the database": ("%s/data/*.db*", "%s/data/*-wal", "%s/data/*-shm"),
}


def look(canaries, place, data, but=()):
    complain(place, data, canaries.find(data, but))


def complain(place, data, found):
    if found:
        told = sorted({name for name, _ in found})
        at = min(offset for _, offset in found)
        before = data[max(0, at - 160) : at]
        raise AssertionError("%s: %d secrets (%s) behind %r" % (place, len(told), told[:5], before))


# ---- Tests ------------------------------------------------------------------------------------


@suite.test
def at_least_64_secrets_are_planted():
    count = len(scene().canaries)
    print("  %d secrets in %d spellings" % (count, len(scene().canaries._spelled)))
    holds(count >= 64, "only %d" % count)


@suite.test
def a_secret_would_be_found_however_it_is_spelled():
    canaries = Canaries()
    secret = canaries.fresh("planted", 32)
    text = canaries.fresh_text("typed")
    key = canaries.add_key("key", parties.key("found"))
    lines = [
        secret,
        secret[:20],
        secret.hex().encode(),
        secret.hex().upper().encode(),
        json.dumps(secret.decode("latin-1")).encode(),
        repr(secret).encode(),
        *(b64(b"x" * i + secret + b"y").encode() for i in range(3)),
        *(protocol.b64u(b"x" * i + secret + b"y").encode() for i in range(3)),
        b64(text.encode()).encode(),
        text.encode(),
        parties.key_pem_of(key).encode(),
        parties.key_pem_of(key).replace("\n", "\\n").encode(),
    ]
    for number, line in enumerate(lines):
        log = b"2026-11-21T12:00:00Z DEBUG request what=" + line + b" code=7\n"
        holds(canaries.find(log), "line %d is not found" % number)
        holds(not canaries.find(log, set(canaries.secrets)), "an exception is none")
    holds(not canaries.find(os.urandom(1 << 20)), "something is found in noise")


@suite.test
def a_secret_in_a_log_of_this_run_would_be_found():
    scene()
    path = next(files(os.path.join(scene().server.folder, "log", "**")))
    holds(len(read(path)) > 1000, "there is hardly any log")
    name = "data key 3"
    planted = b64(scene().canaries.secrets[name]).encode()
    equal(
        {found for found, _ in scene().canaries.find(read(path) + planted)}, {name}, "what is found"
    )


@suite.test
def P13_no_file_of_the_server_holds_a_secret():
    for server in scene().servers:
        for place, patterns in PLACES.items():
            paths = list(files(*(p % server.folder for p in patterns)))
            holds(paths, "there is nothing to look at in " + place)
            for path in paths:
                look(scene().canaries, "%s (%s)" % (place, os.path.basename(path)), read(path))
        data = os.path.join(server.folder, "data")
        names = {name for name in os.listdir(data) if not re.match(r"capsa\.db|root\.key$", name)}
        equal(names, set(), "files in data that nobody looks at")
        root_key = read(os.path.join(data, "root.key"))
        look(scene().canaries, "root.key", root_key, {root_key_of(server)})


@suite.test
def P13_nothing_that_is_said_holds_a_secret():
    wanted = {
        "admin pages",
        "argument lists and environments",
        "audit entries",
        "exported audit logs",
        "messages to peers",
        "sealed files",
        "standard output of capsad",
        "what capsa remembers",
        "what capsa says",
    }
    equal(set(scene().heard), wanted, "places that were heard")
    for place, data in scene().heard.items():
        holds(place.startswith("standard") or len(data) > 100, "hardly anything from " + place)
        look(scene().canaries, place, data)
    look(scene().canaries, "a backup", read(os.path.join(scene().folder, "copy.db")))


@suite.test
def a_password_in_a_configuration_is_not_repeated():
    secret = Canaries()
    password = secret.fresh_text("password")
    folder = temporary_folder("config")
    path = os.path.join(folder, "config.yaml")
    for text in (
        "storage_config:\n  password: %s\n",
        "storage_config:\n  password: [%s]\n",
        "storage_config:\n  pasword: %s\n",
        "storage_config:\n  password: '%s\n",
        "port: %s\n",
    ):
        with open(path, "w") as file:
            file.write(text % password)
        server = Server(start=False, config_file=path, port=None)
        try:
            server.start()
        except NotStarted as refusal:
            if not text.startswith("port"):  # a port is no secret
                look(secret, "the refusal of %r" % text, refusal.text.encode())
            continue
        server.kill()
        raise AssertionError("capsad started with %r" % text)


# ---- Core dumps -------------------------------------------------------------------------------


def nonzero_pages(memory):
    """Most of a process is stacks that nobody used."""
    zeros, size = bytes(65536), 65536
    for start in range(0, len(memory), size):
        pages = memory[start : start + size]
        if pages != zeros[: len(pages)]:
            yield pages


class CoreOf:
    """What of a running process a core dump could hold."""

    def __init__(self, pid, folder):
        self.folder = folder
        self.limits = read("/proc/%d/limits" % pid).decode()
        self.owner = os.stat("/proc/%d/mem" % pid).st_uid
        self.sanitized = b"__asan_init" in read("/proc/%d/exe" % pid)
        self.maps = self._maps(pid)
        self.memory = b"" if self.sanitized else self._memory(pid)

    @staticmethod
    def _maps(pid):
        """[(start, end, permissions, flags)]"""
        try:
            with open("/proc/%d/smaps" % pid) as file:
                text = file.read()
        except PermissionError:
            return []
        found = re.findall(
            r"^([0-9a-f]+)-([0-9a-f]+) (\S+) [^\n]*\n(?:\w+:[^\n]*\n)*?VmFlags: ([^\n]*)",
            text,
            re.M,
        )
        return [(int(a, 16), int(b, 16), mode, flags.split()) for a, b, mode, flags in found]

    def _memory(self, pid):
        """All that may be written to, but what is marked to be left out of dumps ("dd")."""
        memory = bytearray()
        try:
            with open("/proc/%d/mem" % pid, "rb", 0) as file:
                for start, end, mode, flags in self.maps:
                    if mode.startswith("rw") and "dd" not in flags:
                        file.seek(start)
                        for pages in nonzero_pages(file.read(end - start)):
                            memory += pages
        except OSError:
            return b""
        return bytes(memory)


@suite.test
def P13_a_process_makes_no_core_and_may_not_be_looked_into():
    for core in scene().cores:
        limit = re.search(r"Max core file size +(\S+) +(\S+)", core.limits)
        equal((limit[1], limit[2]), ("0", "0"), "limits of core files")
        equal(core.owner, 0, "owner of /proc/PID/mem, which is root's only for who forbids dumps")
        holds(core.maps or os.geteuid() != 0, "root cannot read the maps")
        if core.maps:
            writable = [flags for _, _, mode, flags in core.maps if mode.startswith("rw")]
            marked = any("dd" in flags for flags in writable)
            holds(marked, "no memory is marked to be left out of core dumps")


@suite.test
def P13_capsad_that_crashes_leaves_no_core():
    unlimited = lambda: resource.setrlimit(
        resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2
    )
    server = Server(before=unlimited)
    server.signal(signal.SIGSEGV)
    equal(server.process.wait(PATIENCE) != 0, True, "capsad survived")
    equal(glob.glob(os.path.join(server.folder, "core*")), [], "core files")


def in_plain_build(test):
    plain = os.path.join(ROOT, "build", "bin")
    if BIN == plain or not os.path.exists(os.path.join(plain, "capsad")):
        raise Skip("needs capsad without sanitizers: ./dev build")
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), test],
        env={**os.environ, "CAPSA_BIN": plain},
        stdout=subprocess.PIPE,
        text=True,
    )
    if "skipped " + test in done.stdout:
        raise Skip(done.stdout.split(": ", 1)[1].split("\n")[0])
    holds(done.returncode == 0, done.stdout)


# Keys in use, which libraries hold in plain memory: why no dump is made.
IN_USE = re.compile(r"manager's key|TLS key of the server")


@suite.test
def P13_memory_holds_no_secret_of_a_request_that_is_over():
    if any(core.sanitized for core in scene().cores):  # it keeps what was freed, and has terabytes of maps
        return in_plain_build("P13_memory_holds")
    if not all(core.memory for core in scene().cores):
        raise Skip("only root may read the memory of a process that forbids dumps")
    but = {name for name in scene().canaries.secrets if IN_USE.match(name)}
    for core in scene().cores:
        found = scene().canaries.find_in_memory(core.memory)
        named = ", ".join(sorted({name for name, _ in found}))
        print("  %d bytes; found: %s" % (len(core.memory), named))
        holds(found, "not even the keys in use are found in memory")
        complain("memory", core.memory, {(name, at) for name, at in found if name not in but})


if __name__ == "__main__":
    suite.main()
