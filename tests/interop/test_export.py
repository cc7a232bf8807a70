# SPDX-License-Identifier: Apache-2.0
"""Is a key exported only with the consent of everybody whose data is in it?

Votes: scenario 13 of the interoperation list with every negative case. The same by the original's
command line is in test_tools.py.
"""

import json

import parties
from harness import Suite, equal, holds
from parties import certificate
from protocol import (
    DENIED,
    MALFORMED,
    UNAUTHENTIC,
    UNSUPPORTED,
    b64,
    fresh,
    new_key,
    sign_bytes,
    vote,
    vote_request,
    vote_result,
    without_decision,
)
from scene import PACKAGES, alice, bob, carol, owned, released, running

suite = Suite()
suite.needs(*PACKAGES)

# What a vote that is not good enough may be called.
REFUSED = (DENIED, MALFORMED, UNAUTHENTIC, UNSUPPORTED)
DENIED_ONLY = (DENIED,)


def client():
    return running(suite).client


def result_of_two():
    """A result that alice's and bob's data went into, with its key."""
    one, two = released(client())
    result, data = fresh("result"), new_key()
    client().create_result(carol(), result, [one, two], data).ok()
    return result, data


def is_refused(party, uri, votes, what, codes=REFUSED):
    answer = client().export(party, uri, votes)
    holds(answer.code in codes and answer.body is None, "%s: %r" % (what, answer))
    return answer.message


@suite.test
def owner_exports_a_result_with_the_other_owners_vote():
    result, data = result_of_two()
    is_refused(alice(), result, vote_result(alice(), result), "no votes", DENIED_ONLY)
    equal(client().exported(alice(), result, vote_result(alice(), result, [bob()])), data, "key")
    equal(client().exported(bob(), result, vote_result(bob(), result, [alice()])), data, "key")
    # Votes that nobody needs do no harm.
    both = vote_result(alice(), result, [alice(), bob(), carol()])
    equal(client().exported(alice(), result, both), data, "key")


@suite.test
def sole_owner_needs_no_votes():
    uuid, data = owned(client(), alice())
    equal(client().exported(alice(), uuid, vote_result(alice(), uuid)), data, "key")
    part, partial = uuid + "/part/7", new_key()
    client().create_keys(alice(), {part: partial}).ok()
    equal(client().exported(alice(), part, vote_result(alice(), part)), partial, "key")
    is_refused(bob(), uuid, vote_result(bob(), uuid), "a stranger without votes", DENIED_ONLY)
    equal(client().exported(bob(), uuid, vote_result(bob(), uuid, [alice()])), data, "key")


@suite.test
def requester_who_owns_nothing_needs_everybody():
    result, data = result_of_two()
    for voters in ([], [alice()], [bob()], [carol()], [carol(), alice()]):
        is_refused(
            carol(),
            result,
            vote_result(carol(), result, voters),
            "%d votes" % len(voters),
            DENIED_ONLY,
        )
    equal(
        client().exported(carol(), result, vote_result(carol(), result, [alice(), bob()])),
        data,
        "key",
    )


@suite.test
def S2_D02_voter_who_votes_twice_counts_once():
    result, _ = result_of_two()
    request = vote_request(carol(), result)
    for voters in ([alice(), alice()], [bob(), bob(), bob()]):
        twice = {"vote_request": request, "vote_invite": [vote(v, request) for v in voters]}
        is_refused(carol(), result, twice, "the same voter again", DENIED_ONLY)
    again = parties.plain("alice", "alice, with another certificate")
    is_refused(
        carol(),
        result,
        vote_result(carol(), result, [alice(), again]),
        "another certificate",
        DENIED_ONLY,
    )
    once = vote_result(carol(), result, [alice()])
    once["vote_invite"] *= 2
    is_refused(carol(), result, once, "a copy of a vote", DENIED_ONLY)


@suite.test
def S1_D01_votes_of_forged_chains_are_refused():
    # The victim's public certificate behind one's own: the original counted that as its vote.
    result, _ = result_of_two()
    forger = parties.plain("forger")
    forged = {
        "victim's certificate last": forger.pems + bob().pems,
        "with the victim's name as issuer": [
            parties.pem_of(certificate(forger.key.public_key(), forger.key, "x", "")),
            bob().pem,
        ],
        "victim's certificate first": bob().pems + forger.pems,
        "victim's alone": bob().pems,
        "twice the victim's": bob().pems * 2,
    }
    request = vote_request(alice(), result)
    for what, chain in forged.items():
        votes = {"vote_request": request, "vote_invite": [vote(forger, request, chain=chain)]}
        is_refused(alice(), result, votes, what)
    # The same for who asks: bob's name by the forger's key.
    for what, chain in forged.items():
        request = vote_request(forger, result, chain=chain)
        votes = {"vote_request": request, "vote_invite": [vote(alice(), request)]}
        is_refused(bob(), result, votes, "request: " + what)
        is_refused(forger, result, votes, "request: " + what)


@suite.test
def votes_by_chains_are_counted_for_their_root():
    leaf, sibling = parties.under_two("leaf"), parties.under_two("second-leaf")
    uuid, data = owned(client(), leaf)
    equal(client().exported(alice(), uuid, vote_result(alice(), uuid, [leaf])), data, "key")
    equal(client().exported(alice(), uuid, vote_result(alice(), uuid, [sibling])), data, "key")
    equal(client().exported(leaf, uuid, vote_result(leaf, uuid)), data, "key")
    for what, chain in {
        "root left out": leaf.pems[:2],
        "middle left out": [leaf.pems[0], leaf.pems[2]],
        "wrong order": list(reversed(leaf.pems)),
        "none": [],
        "empty text": [""],
        "no certificate": ["x"],
        "two in one text": ["".join(leaf.pems)],
    }.items():
        request = vote_request(alice(), uuid)
        votes = {"vote_request": request, "vote_invite": [vote(leaf, request, chain=chain)]}
        is_refused(alice(), uuid, votes, what)
    for what, voter in {
        "middle is no CA": parties.under_two("leaf", middle_ca=False),
        "leaf ended": parties.under_root("leaf", days=(-10, -1)),
    }.items():
        owner_uuid, _ = owned(client(), parties.under_root("leaf"))
        is_refused(alice(), owner_uuid, vote_result(alice(), owner_uuid, [voter]), what)


@suite.test
def rejections_and_bad_votes_are_refused():
    result, _ = result_of_two()
    request = vote_request(alice(), result)
    other = vote_request(alice(), result, threshold=1)
    for what, invite in {
        "REJECT": vote(bob(), request, action="REJECT"),
        "unknown action": vote(bob(), request, action="MAYBE"),
        "lower case": vote(bob(), request, action="approve"),
        "no action": vote(bob(), request, body="{}"),
        "no object": vote(bob(), request, body="[]"),
        "no JSON": vote(bob(), request, body="APPROVE"),
        "action twice": vote(bob(), request, body='{"action":"REJECT","action":"APPROVE"}'),
        "signed by another": vote(bob(), request, signer=alice()),
        "signed over the body alone": vote(bob(), request, over=""),
        "signed over another request": vote(bob(), request, over=other["vote_request_signature"]),
        "signed with a separator": vote(
            bob(), request, over="." + request["vote_request_signature"]
        ),
        "no signature": {**vote(bob(), request), "voter_signature": ""},
        "no base64": {**vote(bob(), request), "voter_signature": "*"},
        "body changed": {
            **vote(bob(), request, action="REJECT"),
            "body": b64(b'{"action":"APPROVE"}'),
        },
    }.items():
        is_refused(alice(), result, {"vote_request": request, "vote_invite": [invite]}, what)
        # A bad vote is not passed over because a good one stands beside it.
        if what in ("REJECT", "signed by another"):
            good = vote(bob(), request)
            is_refused(
                alice(),
                result,
                {"vote_request": request, "vote_invite": [good, invite]},
                what + ", and a good one",
            )
    stranger = vote(parties.plain("stranger"), request, signer=alice())
    is_refused(
        alice(),
        result,
        {"vote_request": request, "vote_invite": [vote(bob(), request), stranger]},
        "a stranger's bad signature beside a good vote",
    )


@suite.test
def S3_votes_are_for_one_request_only():
    result, data = result_of_two()
    second, _ = result_of_two()
    good = vote_result(alice(), result, [bob()])
    equal(client().exported(alice(), result, good), data, "key")
    is_refused(alice(), second, good, "another resource")
    is_refused(alice(), result + "/part", good, "another part")
    is_refused(carol(), result, good, "another requester")
    is_refused(bob(), result, good, "another requester, an owner")
    moved = {"vote_request": vote_request(alice(), second), "vote_invite": good["vote_invite"]}
    is_refused(alice(), second, moved, "a vote moved to another request")
    is_refused(
        carol(),
        result,
        {"vote_request": vote_request(carol(), result), "vote_invite": good["vote_invite"]},
        "a vote moved to another requester",
    )


@suite.test
def vote_requests_are_checked():
    result, data = result_of_two()

    def votes(**more):
        request = vote_request(alice(), result, **more)
        return {"vote_request": request, "vote_invite": [vote(bob(), request)]}

    equal(
        client().exported(
            alice(), result, votes(vote_request_id="1", initiator="x", voters=["y"], extra=1)
        ),
        data,
        "key",
    )
    equal(client().exported(alice(), result, votes(action="anything")), data, "key")
    threshold = {"type": "TEE_DOWNLOAD", "approved_action": "a," + result}
    for what, bad in {
        "another type": votes(kind="NODE_ROUTE"),
        "unknown type": votes(kind="X"),
        "no type": votes(kind=None),
        "another resource": votes(
            body=json.dumps({**threshold, "approved_threshold": 0, "approved_action": "a,x"})
        ),
        "a prefix of it": votes(
            body=json.dumps(
                {**threshold, "approved_threshold": 0, "approved_action": "a," + result[:-1]}
            )
        ),
        "blank before it": votes(
            body=json.dumps(
                {**threshold, "approved_threshold": 0, "approved_action": "a, " + result}
            )
        ),
        "no action": votes(body=json.dumps({"type": "TEE_DOWNLOAD", "approved_threshold": 0})),
        "no comma": votes(
            body=json.dumps({**threshold, "approved_threshold": 0, "approved_action": result})
        ),
        "no threshold": votes(body=json.dumps(threshold)),
        "threshold is text": votes(body=json.dumps({**threshold, "approved_threshold": "0"})),
        "threshold is negative": votes(body=json.dumps({**threshold, "approved_threshold": -1})),
        "threshold is a fraction": votes(body=json.dumps({**threshold, "approved_threshold": 0.5})),
        "threshold is too large": votes(
            body=json.dumps({**threshold, "approved_threshold": 1 << 32})
        ),
        "signed by another": votes(signer=bob()),
        "no JSON": votes(body="x"),
        "an array": votes(body="[]"),
        "another requester's chain": votes(chain=bob().pems),
        "no chain": votes(chain=[]),
    }.items():
        is_refused(alice(), result, bad, what)


@suite.test
def D23_threshold_only_raises_what_is_needed():
    result, data = result_of_two()
    for threshold in (0, 1):
        equal(
            client().exported(
                alice(), result, vote_result(alice(), result, [bob()], threshold=threshold)
            ),
            data,
            "key",
        )
    is_refused(
        alice(),
        result,
        vote_result(alice(), result, [bob()], threshold=2),
        "threshold 2",
        DENIED_ONLY,
    )
    is_refused(
        carol(),
        result,
        vote_result(carol(), result, [bob()], threshold=0),
        "threshold 0",
        DENIED_ONLY,
    )
    is_refused(
        carol(),
        result,
        vote_result(carol(), result, [bob()], threshold=1),
        "threshold 1",
        DENIED_ONLY,
    )
    is_refused(
        carol(),
        result,
        vote_result(carol(), result, [alice(), bob()], threshold=4294967295),
        "a threshold beyond all voters",
        DENIED_ONLY,
    )
    # Those who own nothing of it cannot make up the number.
    strangers = [bob(), carol(), parties.plain("stranger")]
    is_refused(
        alice(),
        result,
        vote_result(alice(), result, strangers, threshold=2),
        "strangers",
        DENIED_ONLY,
    )


@suite.test
def malformed_vote_results_are_refused():
    result, _ = result_of_two()
    good = vote_result(alice(), result, [bob()])
    for what, bad in {
        "empty": "",
        "no JSON": "{",
        "an array": "[]",
        "text": '"x"',
        "null": "null",
        "empty object": "{}",
        "no request": {"vote_invite": good["vote_invite"]},
        "empty request": {"vote_request": {}, "vote_invite": []},
        "request is null": {"vote_request": None, "vote_invite": []},
        "invites are no list": {"vote_request": good["vote_request"], "vote_invite": {}},
        "an invite is null": {"vote_request": good["vote_request"], "vote_invite": [None]},
        "an invite is empty": {"vote_request": good["vote_request"], "vote_invite": [{}]},
        "trailing bytes": json.dumps(good) + "x",
        "request twice": '{"vote_request":%s,"vote_request":%s,"vote_invite":[]}'
        % ((json.dumps(good["vote_request"]),) * 2),
        "257 votes": {
            "vote_request": good["vote_request"],
            "vote_invite": good["vote_invite"] * 257,
        },
        "deep": "[" * 10000,
    }.items():
        is_refused(alice(), result, bad, what)
    client().exported(alice(), result, good)


@suite.test
def exports_of_what_is_not_there_look_like_denials():
    uuid, _ = owned(client(), alice())
    texts = set()
    for uri in (uuid, fresh(), uuid + "/no/1"):
        voters = [] if uri == uuid else [bob()]
        text = is_refused(carol(), uri, vote_result(carol(), uri, voters), uri, DENIED_ONLY)
        texts.add(without_decision(text).replace(uri, "URI"))
    equal(len(texts), 1, "number of different texts: %r" % texts)
    gone, _ = owned(client(), alice())
    client().delete_key(alice(), gone).ok()
    answer = client().export(alice(), gone, vote_result(alice(), gone))
    holds(answer.code in (DENIED, 5), repr(answer))


@suite.test
def exports_need_the_requesters_signature():
    uuid, _ = owned(client(), alice())
    votes = vote_result(alice(), uuid)
    body = {
        "request_party_id": alice().id,
        "resource_uri": uuid,
        "data_export_certificate": json.dumps(votes),
    }
    client().ask("GetExportDataKey", body).is_refused(MALFORMED)
    client().ask("GetExportDataKey", body, bob()).is_refused(UNAUTHENTIC)
    client().ask("GetExportDataKey", body, alice(), x5c=None).is_refused(UNAUTHENTIC)
    # A request that another party was voted for, sent with one's own signature.
    body["request_party_id"] = bob().id
    client().ask("GetExportDataKey", body, bob()).is_refused(REFUSED)


@suite.test
def votes_have_one_kind_of_signature_for_each_kind_of_key():
    ec, body = parties.plain("ec", kind="ec"), b64(b'{"action":"APPROVE"}')
    uuid, data = owned(client(), ec)

    def signed(voter, alg):
        request = vote_request(alice(), uuid)
        text = (body + request["vote_request_signature"]).encode()
        invite = {
            "cert_chain": voter.pems,
            "body": body,
            "voter_signature": b64(sign_bytes(voter.key, alg, text)),
        }
        return {"vote_request": request, "vote_invite": [invite]}

    equal(client().exported(alice(), uuid, signed(ec, "ES256")), data, "key")
    uuid, data = owned(client(), bob())
    equal(client().exported(alice(), uuid, signed(bob(), "RS256")), data, "key")
    for alg in ("PS256", "RS384", "RS512"):
        is_refused(alice(), uuid, signed(bob(), alg), alg)


@suite.test
def lineage_of_results_of_results_is_voted_by_the_originals():
    result, _ = result_of_two()
    client().got_keys(carol(), [result])
    child, data = fresh("child"), new_key()
    client().create_result(carol(), child, [result], data).ok()
    is_refused(alice(), child, vote_result(alice(), child), "no votes", DENIED_ONLY)
    is_refused(alice(), child, vote_result(alice(), child, [carol()]), "who made it", DENIED_ONLY)
    equal(client().exported(alice(), child, vote_result(alice(), child, [bob()])), data, "key")


suite.main()
