# SPDX-License-Identifier: Apache-2.0
"""Native answers, the record and the log (docs/explanation/PROTOCOL.md, §5 to §7): that answers are
the manager's, that they stand in the log, and who sees what of it.
"""

import hashlib
import json

import native
import nativelog
import parties
from harness import contains, equal, holds
from nativelog import KIND
from nativescene import asked, BAD, client, flipped, is_wrong, named, suite, votes_of
from protocol import b64, b64u, DENIED, EXISTS, fresh, MALFORMED, new_key, NOT_FOUND, rule
from scene import alice, bob, carol, owned

# ---- §5. The answer ---------------------------------------------------------------------------


@suite.test
def answers_are_sealed_whatever_they_say():
    uuid, _ = owned(client(), alice(), [rule([bob()])])
    for what, answer, codes in (
        ("success without a body", client().create_keys(alice(), {fresh(): new_key()}), (0,)),
        ("success with one", client().get_keys(bob(), [uuid]), (0,)),
        ("a denial", client().get_keys(carol(), [uuid]), (DENIED, NOT_FOUND)),
        ("a conflict", client().create_keys(bob(), {uuid: new_key()}), (EXISTS, DENIED)),
        ("an empty request", client().ask("CreateDataKeys", "{}", alice()), BAD + (DENIED,)),
    ):
        holds(not answer.clear, "%s came in the clear" % what)
        holds(answer.code in codes, "%s: %r" % (what, answer))
        holds(answer.note is not None, "%s: no checkpoint" % what)


@suite.test
def two_answers_to_the_same_have_different_ivs():
    seen = {asked().ok().raw.message.iv for _ in range(3)}
    equal(len(seen), 3, "different ivs")


@suite.test
def answers_that_were_changed_do_not_open():
    def change(name, value):
        def tamper(response):
            setattr(response.message, name, value(getattr(response.message, name)))

        return tamper

    def flip(text):
        return b64u(flipped(nativelog.un_b64u(text, "member"), 0))

    for name, value in (
        ("protected_header", flip),
        ("iv", flip),
        ("tag", flip),
        ("ciphertext", flip),
        ("encrypted_key", lambda _: "YQ"),
        ("aad", lambda _: "YQ"),
    ):
        is_wrong(name, lambda: asked(tamper_answer=change(name, value)))
    one, two = asked().ok(), asked().ok()
    is_wrong("another's answer", native.open_answer, one.raw.message, two.sealed)


@suite.test
def releases_changes_and_denials_have_a_leaf_that_is_in_the_log():
    owner, uuid = alice(), fresh()
    asks = (
        ("key-create", 0, lambda: client().create_keys(owner, {uuid: new_key()})),
        (
            "policy-put",
            0,
            lambda: client().create_policy(owner, uuid, [rule([bob()], rule_id="a")]),
        ),
        ("rule-add", 0, lambda: client().add_rule(owner, uuid, rule([bob()], rule_id="b"))),
        ("key-release", 0, lambda: client().get_keys(bob(), [uuid])),
        ("denial", DENIED, lambda: client().get_keys(carol(), [uuid])),
        ("key-export", 0, lambda: client().export(owner, uuid, votes_of(owner, uuid))),
        ("rule-delete", 0, lambda: client().delete_rule(owner, uuid, "a")),
        ("policy-delete", 0, lambda: client().delete_policy(owner, uuid)),
        ("key-delete", 0, lambda: client().delete_key(owner, uuid)),
    )
    for kind, code, ask in asks:
        answer = named(kind, ask)
        holds(answer.code == code, "%s: %r" % (kind, answer))
        holds(answer.leaf is not None, "%s: the answer has no leaf" % kind)
        equal(answer.leaf.type, KIND[kind], "type of the leaf of %s" % kind)
        equal(answer.leaf.decision_id, answer.decision_id, "decision id of %s" % kind)
        equal(
            answer.leaf.own_decision_id(), answer.decision_id, "%s: the id made of the leaf" % kind
        )
    leaves, _ = client().whole_log()
    equal(leaves[answer.index].data, answer.leaf.data, "the leaf at its place in the log")


@suite.test
def reading_leaves_no_record():
    before = asked().ok().note.size
    for answer in (
        asked(),
        client().list_audit(alice(), limit=1),
        client().vote_terms(alice(), "x"),
    ):
        equal((answer.code, answer.leaf, answer.decision_id), (0, None, ""), "answer of a read")
    after = asked().ok().note.size
    holds(after == before, "four reads made the log grow by %d" % (after - before))


@suite.test
def a_refusal_tells_a_stranger_nothing():
    uuid, _ = owned(client(), alice(), [rule([bob()])])
    there = client().get_keys(carol(), [uuid])
    absent = client().get_keys(carol(), [fresh("absent")])
    for answer in (there, absent):
        answer.refused((DENIED, NOT_FOUND))
    equal(there.code, absent.code, "code of what is there and of what is not")
    equal(set(there.members), set(absent.members), "members of both answers")


# ---- §6. The record ---------------------------------------------------------------------------


@suite.test
def an_owner_sees_his_own_entries_and_nobody_else_s():
    owner, stranger = parties.plain("audited"), parties.plain("not-audited")
    uuid, _ = owned(client(), owner, [rule([bob()])])
    client().got_keys(bob(), [uuid])
    client().get_keys(stranger, [uuid]).refused((DENIED, NOT_FOUND))
    entries = client().all_audit(owner)
    kinds = [entry.type for entry in entries]
    for kind in ("key-release", "policy-put", "key-create", "denial"):
        holds(KIND[kind] in kinds, "no %s among %s" % (kind, kinds))
    release = next(entry for entry in entries if entry.type == KIND["key-release"])
    contains(json.dumps(release.details), uuid, bob().id)
    for other in (stranger, bob()):
        theirs = client().all_audit(other)
        shared = {entry.index for entry in theirs} & {entry.index for entry in entries}
        equal(shared, set(), "entries of both")
    client().list_audit(stranger, owner=owner.id).refused(BAD + (DENIED,))


@suite.test
def a_decision_on_data_of_several_owners_is_told_to_each_of_his_own():
    one, two = parties.plain("first-owner"), parties.plain("second-owner")
    mine, _ = owned(client(), one, [rule([carol()])])
    yours, _ = owned(client(), two, [rule([carol()])])
    answer = client().get_keys(carol(), [mine, yours]).ok()
    found = {}
    for owner, own, other in ((one, mine, yours), (two, yours, mine)):
        entries = client().list_audit(owner, decision_id=answer.decision_id).ok().entries
        equal(len(entries), 1, "entries of the decision for an owner")
        equal(entries[0].decision_id, answer.decision_id, "decision id")
        text = json.dumps(entries[0].details)
        contains(text, own)
        holds(other not in text, "an owner is told of another's data: %s" % text)
        found[owner.id] = entries[0]
    leaves = [found[one.id], found[two.id]]
    first = min(leaves, key=lambda leaf: leaf.index)
    equal(first.own_decision_id(), answer.decision_id, "the id made of the first leaf")
    holds(answer.leaf.data in [leaf.data for leaf in leaves], "the answer's leaf is none of both")


@suite.test
def pages_are_the_whole_list():
    owner = parties.plain("paged")
    for _ in range(5):
        owned(client(), owner)
    whole = [entry.index for entry in client().all_audit(owner)]
    equal(len(whole), 5, "entries")
    for limit in (1, 2, 5, 1000):
        paged = [entry.index for entry in client().all_audit(owner, limit)]
        equal(paged, whole, "entries in pages of %d" % limit)
        page = client().list_audit(owner, limit=limit).ok().entries
        holds(len(page) <= limit, "%d entries of at most %d" % (len(page), limit))
    page = client().list_audit(owner, before=whole[1]).ok()
    holds(all(entry.index < whole[1] for entry in page.entries), "before does not exclude")


@suite.test
def a_decision_of_others_is_not_found():
    uuid, _ = owned(client(), alice(), [rule([bob()])])
    answer = client().get_keys(bob(), [uuid]).ok()
    entries = client().list_audit(alice(), decision_id=answer.decision_id).ok().entries
    equal([entry.decision_id for entry in entries], [answer.decision_id], "the owner's")
    theirs = client().list_audit(parties.plain("curious"), decision_id=answer.decision_id)
    absent = client().list_audit(parties.plain("curious"), decision_id="00" * 16)
    equal(
        (theirs.code, theirs.body),
        (
            absent.code,
            absent.body and {**absent.body, "checkpoint": (theirs.body or {}).get("checkpoint")},
        ),
        "what is another's and what is not there",
    )


@suite.test
def strange_numbers_are_refused_or_limited():
    largest, smallest = 2**63 - 1, -(2**63)
    owner = parties.plain("strange")
    owned(client(), owner)
    for what, more in (
        ("before -1", {"before": -1}),
        ("before smallest", {"before": smallest}),
        ("limit -1", {"limit": -1}),
        ("limit smallest", {"limit": smallest}),
        ("no decision id", {"decision_id": "zz"}),
        ("a short decision id", {"decision_id": "00" * 15}),
        ("a long decision id", {"decision_id": "00" * 17}),
        ("an id in capitals", {"decision_id": "AB" * 16}),
    ):
        answer = named(what, lambda: client().list_audit(owner, **more))
        if answer.code == 0:
            equal(answer.entries, [], what + ": entries")
            holds("decision_id" in more, what + " is taken")
        else:
            named(what, answer.refused, BAD + (NOT_FOUND,))
    for what, more in (
        ("before largest", {"before": largest}),
        ("limit largest", {"limit": largest}),
    ):
        answer = named(what, lambda: client().list_audit(owner, **more))
        holds(answer.code in (0,) + BAD, "%s: %r" % (what, answer))


# ---- §7. The log ------------------------------------------------------------------------------


@suite.test
def the_log_has_the_root_that_was_signed_and_no_names():
    owner = parties.plain("nameless")
    uuid, data = owned(client(), owner, [rule([bob()])])
    leaves, note = client().whole_log()
    holds(note.size == len(leaves) > 2, "%d leaves" % len(leaves))
    equal(leaves[0].type, KIND["genesis"], "type of the first leaf")
    everything = b"".join(leaf.data for leaf in leaves)
    for secret in (owner.id.encode(), uuid.encode(), data, b64(data).encode()):
        holds(secret not in everything, "the log tells %r" % secret)
    first = client().audit_log(0, 1)
    equal(list(first.leaves), [leaves[0].data], "one leaf")
    equal(hashlib.sha256(first.genesis).hexdigest(), client().manager.id, "the genesis beside it")
    middle = client().audit_log(1, 2)
    equal(list(middle.leaves), [leaf.data for leaf in leaves[1:3]], "two leaves from the second on")


@suite.test
def every_earlier_tree_is_the_beginning_of_the_log():
    owned(client(), alice())
    leaves, note = client().whole_log()
    tree = [nativelog.leaf_hash(leaf.data) for leaf in leaves]
    for first in {1, 2, 3, note.size // 2, note.size - 1, note.size} - {0}:
        answer = client().consistency(first, note.size)
        equal(answer.status.code, 0, "code for %d of %d" % (first, note.size))
        equal(list(answer.hashes), nativelog.consistency_of(first, tree), "proof for %d" % first)
    for first, second in ((1, 2), (1, 3), (2, 3)):
        answer = client().consistency(first, second)
        equal(
            list(answer.hashes), nativelog.consistency_of(first, tree[:second]), "proof in between"
        )
    latest = client().consistency(1)
    checkpoint = client().note(latest.checkpoint)
    client().keep(checkpoint)
    nativelog.check_consistency(1, tree[0], checkpoint.size, checkpoint.root, latest.hashes)


@suite.test
def ranges_that_are_none_are_refused_and_nobody_falls_over():
    size = client().whole_log()[1].size
    largest, smallest = 2**63 - 1, -(2**63)
    for first, second in (
        (-1, 0),
        (smallest, 0),
        (1, -1),
        (1, smallest),
        (2, 1),
        (1, size + 1000000),
        (1, largest),
        (largest, 0),
        (largest, largest),
        (smallest, largest),
    ):
        answer = client().consistency(first, second)
        what = "GetConsistency {%d, %d}" % (first, second)
        holds(
            answer.status.code in BAD + (NOT_FOUND, 11), "%s: code %d" % (what, answer.status.code)
        )
        equal(list(answer.hashes), [], what + ": hashes")
    nothing = client().consistency(0, size)
    equal(
        list(nothing.hashes), [], "hashes of a proof from nothing (code %d)" % nothing.status.code
    )
    for start, limit in (
        (-1, 0),
        (smallest, 1),
        (0, -1),
        (0, smallest),
        (largest, largest),
        (size + 1000000, 1),
        (largest, 0),
    ):
        answer = client().audit_log(start, limit)
        what = "GetAuditLog {%d, %d}" % (start, limit)
        holds(
            answer.status.code in (0,) + BAD + (NOT_FOUND, 11),
            "%s: code %d" % (what, answer.status.code),
        )
        equal(list(answer.leaves), [], what + ": leaves")
        negative = start < 0 or limit < 0
        holds(not negative or answer.status.code != 0, what + " is taken")
    huge = client().audit_log(0, largest)
    equal(huge.status.code, 0, "code of a huge limit")
    holds(len(huge.leaves) >= 1, "no leaves for a huge limit")


@suite.test
def plain_methods_refuse_what_is_no_message():
    import grpc

    for name in ("GetConsistency", "GetAuditLog"):
        for body in (b"\xff", b"\x08" + b"\xff" * 11, b"\x0a\x01"):
            try:
                answer = client()._plain(name, body, name[3:] + "Response")
                equal(answer.status.code, MALFORMED, "%s: code" % name)
            except grpc.RpcError as error:
                holds(error.code().name in ("INVALID_ARGUMENT", "INTERNAL"), repr(error))


suite.main()
