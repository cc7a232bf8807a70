# SPDX-License-Identifier: Apache-2.0
"""Do results stay bound to the originals that they were made from, and what does deleting do?

Scenarios 12 and 14 of the interoperation list.
"""

import parties
from harness import Suite, equal
from protocol import DENIED, MALFORMED, NOT_FOUND, TEE, UNAUTHENTIC, b64, fresh, new_key, rule
from scene import PACKAGES, alice, bob, carol, owned, released, running

suite = Suite()
suite.needs(*PACKAGES)


def client():
    return running(suite).client


# ---- 12. Results ------------------------------------------------------------------------------


@suite.test
def results_are_registered_as_tee_applications_do():
    one, two = released(client(), columns=["id", "f1"])
    result, data = fresh("result"), new_key()
    client().create_result(carol(), result, [one, two], data).ok()
    equal(client().got_keys(carol(), {result: ["id"]}, **TEE), {result: data}, "keys")
    # Columns name those of the originals, and are not checked for a result.
    equal(client().got_keys(carol(), {result: ["whatever"]}, **TEE), {result: data}, "keys")
    equal(client().got_keys(carol(), {result: []}, **TEE), {result: data}, "keys")
    client().get_keys(alice(), [result]).is_refused(DENIED)


@suite.test
def results_may_be_registered_again_by_the_same_key():
    one, two = released(client())
    result, data = fresh("result"), new_key(32)
    client().create_result(carol(), result, [one, two]).ok()
    client().create_result(carol(), result, [two, one], data, owner=carol().id).ok()
    equal(client().got_keys(carol(), [result]), {result: data}, "keys")
    client().create_result(carol(), result + "/part/1", [one, two], data).ok()
    equal(
        client().got_keys(carol(), [result, result + "/part/1"]),
        {result: data, result + "/part/1": data},
        "keys",
    )
    client().create_result(carol(), result, [one]).is_refused(DENIED)
    same_party = parties.plain("carol", "carol, with another certificate")
    client().create_result(same_party, result, [one, two]).ok()


@suite.test
def results_need_what_was_released_to_the_same_key():
    one, two = released(client())
    stranger = parties.plain("stranger")
    client().create_result(stranger, fresh("result"), [one, two]).is_refused(DENIED)
    granted_not_asked, _ = owned(client(), alice(), [rule([carol()])])
    client().create_result(carol(), fresh("result"), [one, granted_not_asked]).is_refused(DENIED)
    # The party is not enough: it is the key that was given the keys.
    leaf, sibling = parties.under_root("leaf"), parties.under_root("second-leaf")
    uuid, _ = owned(client(), alice(), [rule([leaf])])
    client().got_keys(leaf, [uuid])
    client().create_result(sibling, fresh("result"), [uuid]).is_refused(DENIED)
    client().create_result(leaf, fresh("result"), [uuid]).ok()


@suite.test
def result_requests_are_checked():
    one, two = released(client())
    result = fresh("result")
    client().create_result(carol(), result, []).is_refused(MALFORMED)
    client().create_result(carol(), result, [""]).is_refused(MALFORMED)
    client().create_result(carol(), "", [one]).is_refused(MALFORMED)
    client().create_result(carol(), result, [result]).is_refused((MALFORMED, DENIED))
    client().create_result(carol(), result, [one, result]).is_refused((MALFORMED, DENIED))
    client().create_result(carol(), result, [one, fresh()]).is_refused((DENIED, NOT_FOUND))
    client().create_result(carol(), result, [one], owner=alice().id).is_refused(
        (DENIED, UNAUTHENTIC)
    )
    body = {
        "body": {
            "resource_uri": result,
            "scope": "default",
            "data_key_b64": b64(new_key()),
            "ancestor_uuids": [one],
        }
    }
    client().ask("CreateResultDataKey", body).is_refused(MALFORMED)
    client().ask("CreateResultDataKey", body, carol(), x5c=None).is_refused(UNAUTHENTIC)
    client().ask("CreateResultDataKey", {}, carol()).is_refused(MALFORMED)
    for bad in ("", "!", "AAE", "AAE=\n", "-_-_"):
        client().ask(
            "CreateResultDataKey", {"body": {**body["body"], "data_key_b64": bad}}, carol()
        ).is_refused(MALFORMED)
    # Nothing of this left a trace: the uuid is free for anybody.
    client().create_keys(bob(), {result: new_key()}).ok()


@suite.test
def originals_are_never_overwritten_by_results():
    one, two = released(client())
    taken, data = owned(client(), alice(), [rule([bob()])])
    client().create_result(carol(), taken, [one, two]).is_refused(DENIED)
    client().create_result(carol(), taken + "/part", [one, two]).is_refused(DENIED)
    client().create_result(carol(), one, [two]).is_refused(DENIED)
    client().create_result(carol(), one + "/x", [one]).is_refused((MALFORMED, DENIED))
    equal(client().got_keys(bob(), [taken]), {taken: data}, "keys")
    result = fresh("result")
    client().create_result(carol(), result, [one, two]).ok()
    for party in (alice(), carol(), bob()):
        client().create_keys(party, {result: new_key()}).is_refused(DENIED)
        client().create_policy(party, result, [rule([party])]).is_refused(DENIED)
        client().add_rule(party, result, rule([party])).is_refused(DENIED)


@suite.test
def lineage_holds_over_generations():
    # join, split, train, predict: everything stays bound to both originals.
    one, two = released(client(), columns=["*"])
    keys = {}

    def derive(name, *ancestors):
        keys[name] = new_key()
        client().got_keys(carol(), list(ancestors))
        client().create_result(carol(), name, list(ancestors), keys[name]).ok()
        return name

    joined = derive(fresh("join"), one, two)
    train, test = derive(fresh("train"), joined), derive(fresh("test"), joined)
    model = derive(fresh("model"), train)
    predictions = derive(fresh("predictions"), model, test)
    scores = derive(fresh("scores"), predictions, two)
    every = [joined, train, test, model, predictions, scores]
    equal(client().got_keys(carol(), every), {name: keys[name] for name in every}, "keys")
    # A policy as it stands now reaches results: bob revokes, and everything is closed.
    client().delete_policy(bob(), two).ok()
    for name in every:
        client().get_keys(carol(), [name]).is_refused(DENIED)
    client().create_policy(bob(), two, [rule([carol()], ["predict"])]).ok()
    client().get_keys(carol(), [scores]).is_refused(DENIED)
    client().got_keys(carol(), [scores], op="predict")
    # Cycles cannot be made: what exists keeps its lineage.
    client().create_result(carol(), joined, [scores]).is_refused(DENIED)


@suite.test
def result_needs_every_original_of_three():
    dave = parties.plain("dave")
    parents = [
        owned(client(), owner, [rule([carol(), dave])])[0]
        for owner in (alice(), bob(), parties.plain("eve"))
    ]
    client().got_keys(carol(), parents)
    result, data = fresh("result"), new_key()
    client().create_result(carol(), result, parents, data).ok()
    equal(client().got_keys(dave, [result]), {result: data}, "keys")
    for owner, parent in zip((alice(), bob(), parties.plain("eve")), parents):
        client().create_policy(owner, parent, [rule([carol()])]).ok()
        client().get_keys(dave, [result]).is_refused(DENIED)
        client().create_policy(owner, parent, [rule([carol(), dave])]).ok()
        client().got_keys(dave, [result])


# ---- 14. Deleting keys ------------------------------------------------------------------------


@suite.test
def deleted_keys_are_gone_and_their_uuid_stays_the_owners():
    uuid, _ = owned(client(), alice(), [rule([bob(), alice()])])
    part = uuid + "/part/1"
    client().create_keys(alice(), {part: new_key()}).ok()
    client().delete_key(bob(), uuid).is_refused(NOT_FOUND)
    client().delete_key(alice(), uuid).ok()
    client().get_keys(bob(), [uuid]).is_refused((DENIED, NOT_FOUND))
    client().got_keys(bob(), [part])
    client().delete_key(alice(), uuid).is_refused(NOT_FOUND)
    client().delete_key(alice(), part).ok()
    # Nothing is left under the uuid, and it is still alice's.
    client().create_keys(bob(), {uuid: new_key()}).is_refused(DENIED)
    client().create_policy(bob(), uuid, [rule([bob()])]).is_refused(DENIED)
    again = new_key()
    client().create_keys(alice(), {uuid: again}).ok()
    equal(client().got_keys(bob(), [uuid]), {uuid: again}, "keys")


suite.main()
