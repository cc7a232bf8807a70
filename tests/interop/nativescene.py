# SPDX-License-Identifier: Apache-2.0
"""The scene of the native protocol's tests: a manager with a client of each protocol, a request
that is good but for what a test makes wrong, and failures that name their case."""

import datetime
import hashlib
import os

import native
from harness import Suite, holds
from nativelog import Wrong
from protocol import MALFORMED, UNAUTHENTIC, UNSUPPORTED, vote_result
from scene import PACKAGES, Running, alice

suite = Suite()
suite.needs(*PACKAGES)

# What a request that is not well made may be called.
BAD = (MALFORMED, UNAUTHENTIC, UNSUPPORTED)


class NativeRunning(Running):
    """A manager with a client of each protocol."""

    def __init__(self, **flags):
        super().__init__(**flags)
        self.original, self.client = self.client, native.Client(self.server.target)

    def restart(self, **more):
        self.original.close()
        known, kept = self.client.known, self.client.kept
        super().restart(**more)
        self.original, self.client = self.client, native.Client(self.server.target, known)
        self.client.kept = kept

    def stop(self):
        self.original.close()
        super().stop()


def manager():
    return suite.shared("server", NativeRunning)


def client():
    return manager().client


def is_wrong(what, function, *arguments):
    """The client itself must notice."""
    try:
        function(*arguments)
    except Wrong:
        return
    except Exception as error:
        raise AssertionError("%s: %s instead of Wrong: %s" % (what, type(error).__name__, error))
    raise AssertionError("%s: nobody noticed" % what)


def named(what, function, *arguments):
    """With the case's name before the failure."""
    try:
        return function(*arguments)
    except (AssertionError, Wrong) as error:
        raise AssertionError("%s: %s" % (what, error))


def every(cases, check):
    """check(case...) for each of the cases, whose first part is its name; says all that failed."""
    failures = []
    for what, *rest in cases:
        try:
            check(what, *rest)
        except (AssertionError, Wrong) as error:
            failures.append("%s: %s" % (what, error))
    holds(not failures, "%d cases: %s" % (len(failures), "; ".join(failures)))


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def asked(**knobs):
    """A good request but for the knobs."""
    return client().ask(
        "ListDataPolicy", {"owner_party_id": alice().id, "scope": "default"}, alice(), **knobs
    )


# ---- Votes that are bound (§8) -----------------------------------------------------------------


def in_days(days, seconds=0):
    when = datetime.datetime.now(datetime.timezone.utc)
    when += datetime.timedelta(days=days, seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def bound(asker, uri, **changes):
    """The members that bind a vote request, None as a value takes one away."""
    terms = client().vote_terms(asker, uri).ok().body
    made = {
        "manager": client().manager.id,
        "resource": terms["resource"],
        "requester": hashlib.sha256(native.spki_of(asker.key.public_key())).hexdigest(),
        "expires": in_days(1),
        "nonce": os.urandom(16).hex(),
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def votes_of(asker, uri, voters=(), **changes):
    return vote_result(asker, uri, voters, capsa=bound(asker, uri, **changes))
