# SPDX-License-Identifier: Apache-2.0
"""Votes that are bound to manager, resource, requester and time (docs/explanation/PROTOCOL.md,
§8)."""

import hashlib
import json

import native
import nativelog
from harness import equal, holds
from nativescene import BAD, client, every, in_days, manager, named, suite, votes_of
from protocol import b64, DENIED, fresh, new_key, NOT_FOUND, vote_result
from scene import alice, bob, carol, owned, released

# ---- §8. Votes on an export -------------------------------------------------------------------


def result_of_two():
    one, two = released(client())
    result, data = fresh("result"), new_key()
    client().create_result(carol(), result, [one, two], data).ok()
    return result, data


@suite.test
def terms_name_one_incarnation_of_a_resource():
    uuid, _ = owned(client(), alice())
    terms = client().vote_terms(alice(), uuid).ok().body
    equal(terms["manager"], client().manager.id, "manager")
    equal(len(bytes.fromhex(terms["nonce"])), 16, "bytes of the nonce")
    again = client().vote_terms(alice(), uuid).ok().body
    equal(again["resource"], terms["resource"], "resource, asked again")
    equal(client().vote_terms(bob(), uuid).ok().body["resource"], terms["resource"], "bob's")
    holds(again["nonce"] != terms["nonce"], "the same nonce twice")
    other, _ = owned(client(), alice())
    holds(
        client().vote_terms(alice(), other).ok().body["resource"] != terms["resource"], "one token"
    )
    client().delete_key(alice(), uuid).ok()
    client().create_keys(alice(), {uuid: new_key()}).ok()
    anew = client().vote_terms(alice(), uuid).ok().body
    holds(anew["resource"] != terms["resource"], "the token of an earlier incarnation")


@suite.test
def terms_look_the_same_for_what_does_not_exist():
    uuid, _ = owned(client(), alice())
    there = client().vote_terms(bob(), uuid).ok().body
    absent = fresh("absent")
    nothing = client().vote_terms(bob(), absent).ok().body
    equal(set(nothing), set(there), "members")
    equal(len(nothing["resource"]), len(there["resource"]), "length of the token")
    equal(client().vote_terms(bob(), absent).ok().body["resource"], nothing["resource"], "again")


@suite.test
def votes_that_are_bound_open_the_export():
    result, data = result_of_two()
    equal(client().exported(alice(), result, votes_of(alice(), result, [bob()])), data, "key")
    equal(
        client().exported(carol(), result, votes_of(carol(), result, [alice(), bob()])), data, "key"
    )


def bad_bindings(result):
    other = owned(client(), alice())[0]
    token = client().vote_terms(alice(), other).ok().body["resource"]
    bobs = hashlib.sha256(native.spki_of(bob().key.public_key())).hexdigest()
    yield "another manager", {"manager": "00" * 32}
    yield "the manager in capitals", {"manager": client().manager.id.upper()}
    yield "another resource's token", {"resource": token}
    yield "a token that is none", {"resource": "x"}
    yield "another requester", {"requester": bobs}
    yield "expired", {"expires": in_days(0, -5)}
    yield "long expired", {"expires": in_days(-100)}
    yield "more than 90 days ahead", {"expires": in_days(90, 3600)}
    yield "years ahead", {"expires": in_days(3650)}
    yield "a time that is none", {"expires": "tomorrow"}
    yield "a number as time", {"expires": 4000000000}
    yield "a short nonce", {"nonce": "00" * 15}
    yield "a nonce that is none", {"nonce": "x" * 32}
    for name in ("manager", "resource", "requester", "expires", "nonce"):
        yield "without " + name, {name: None}
        yield name + " empty", {name: ""}
    yield "an unknown member", {"also": "x"}


@suite.test
def votes_for_something_else_are_refused_by_either_service():
    result, data = result_of_two()
    codes = BAD + (
        DENIED,
        native.UNAVAILABLE,
    )  # a manager writes down only so many refusals a minute

    def check(_, changes):
        votes = votes_of(alice(), result, [bob()], **changes)
        for name, service in (("native", client()), ("original", manager().original)):
            answer = service.export(alice(), result, votes)
            holds(answer.code in codes, "the %s service: %r" % (name, answer))

    every(bad_bindings(result), check)
    equal(client().exported(alice(), result, votes_of(alice(), result, [bob()])), data, "key")


@suite.test
def expiry_may_be_up_to_ninety_days_ahead():
    for what, expires in (("an hour", in_days(0, 3600)), ("almost 90 days", in_days(90, -600))):
        result, data = result_of_two()
        votes = votes_of(alice(), result, [bob()], expires=expires)
        equal(named(what, lambda: client().exported(alice(), result, votes)), data, what)


@suite.test
def the_native_service_wants_votes_that_are_bound():
    result, data = result_of_two()
    plain = vote_result(alice(), result, [bob()])
    client().export(alice(), result, plain).refused(BAD + (DENIED,))
    equal(manager().original.exported(alice(), result, plain), data, "key at the original service")


@suite.test
def what_was_voted_on_cannot_be_changed_afterwards():
    result, _ = result_of_two()
    votes = votes_of(alice(), result, [bob()])
    other = votes_of(alice(), result, [bob()])
    moved = {"vote_request": other["vote_request"], "vote_invite": votes["vote_invite"]}
    client().export(alice(), result, moved).refused(BAD + (DENIED,))
    body = json.loads(nativelog.un_b64(votes["vote_request"]["body"], "body"))
    body["capsa"]["expires"] = in_days(2)
    changed = {**votes["vote_request"], "body": b64(json.dumps(body).encode())}
    answer = client().export(alice(), result, {**votes, "vote_request": changed})
    answer.refused(BAD + (DENIED,))


@suite.test
def votes_of_an_earlier_incarnation_are_refused():
    uuid, _ = owned(client(), alice())
    votes = votes_of(bob(), uuid, [alice()])
    client().delete_key(alice(), uuid).ok()
    data = new_key()
    client().create_keys(alice(), {uuid: data}).ok()
    client().export(bob(), uuid, votes).refused(BAD + (DENIED, NOT_FOUND))
    equal(client().exported(bob(), uuid, votes_of(bob(), uuid, [alice()])), data, "with new votes")


@suite.test
def votes_are_the_requester_s_own():
    # carol collects votes; bob, who has them too, asks with them.
    result, _ = result_of_two()
    votes = votes_of(carol(), result, [alice(), bob()])
    client().export(bob(), result, votes).refused(BAD + (DENIED,))


suite.main()
