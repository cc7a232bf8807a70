# SPDX-License-Identifier: Apache-2.0
"""The scene that most tests play in: one running manager, Alice and Bob who own data, and Carol who
computes with it."""

import re

import parties
import protocol
from harness import Server
from protocol import Client, fresh, new_key, rule

PACKAGES = ("grpc", "cryptography", "google.protobuf")


class Running:
    """A server with one client."""

    def __init__(self, **flags):
        self.server = Server(**flags)
        self.client = Client(self.server.target)

    def restart(self, **more):
        self.client.close()
        self.server.restart(**more)
        self.client = Client(self.server.target)

    def stop(self):
        self.client.close()
        self.server.stop()
        words = set(re.findall(r"[A-Za-z0-9+/=]{16,}", self.server.logs()))
        logged = words.intersection(protocol.b64(key) for key in protocol.sent_keys)
        if logged:
            raise AssertionError("%d data keys stand in the logs" % len(logged))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.client.close()
            self.server.kill()


def running(suite, insecure=False):
    """The manager that a script's tests share; or the one that believes what requests claim, as the
    original did."""
    if insecure:
        return suite.shared(
            "insecure_server",
            lambda: Running(
                insecure_empty_columns_pass="true",
                insecure_claimed_initiator="true",
                insecure_client_env="true",
            ),
        )
    return suite.shared("server", Running)


def alice():
    return parties.plain("alice")


def bob():
    return parties.plain("bob")


def carol():
    return parties.plain("carol")


def owned(client, owner, rules=None, scope="default", stem="uuid"):
    """A registered key, with a policy if there are rules: (uuid, key)."""
    uuid, data = fresh(stem), new_key()
    client.create_keys(owner, {uuid: data}).ok()
    if rules is not None:
        client.create_policy(owner, uuid, rules, scope).ok()
    return uuid, data


def released(client, asker=None, **more):
    """Two originals, alice's and bob's, whose keys the asker was given."""
    asker = asker or carol()
    one = owned(client, alice(), [rule([asker], **more)])[0]
    two = owned(client, bob(), [rule([asker], **more)])[0]
    client.got_keys(asker, [one, two])
    return one, two
