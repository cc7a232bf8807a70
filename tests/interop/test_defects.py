# SPDX-License-Identifier: Apache-2.0
"""Does anything of what was wrong with the original, or with systems like it, work here?

One test for each defect that the manager's methods reach, and that would fail on the original's
behaviour: Dnn for the original's, S and P for those of its kin. Where a defect is a matter of
envelopes, votes, text, configuration or the store, its test stands with its kind:
  test_envelope.py            D06 D07 D14 D28 S7 P17
  test_export.py              D01 D02 D23 S1 S2 S3
  test_text.py                P14
  tests/integration/start.py  D27
  tests/integration/service.py  D26
"""

import base64
import json
import os
import time

import parties
import protocol
from harness import Suite, equal, holds
from protocol import (
    DENIED,
    ENVELOPE_METHODS,
    EXISTS,
    MALFORMED,
    NOT_FOUND,
    UNAUTHENTIC,
    UNSUPPORTED,
    Answer,
    b64,
    fresh,
    new_key,
    rule,
    vote_result,
)
from scene import PACKAGES, Running, alice, bob, carol, owned, released, running

suite = Suite()
suite.needs(*PACKAGES)


def client():
    return running(suite).client


def mallory():
    return parties.plain("mallory")


# ---- Results ----------------------------------------------------------------------------------


@suite.test
def D03_result_cannot_take_over_a_victims_uuid():
    victim, data = owned(client(), alice(), [rule([bob()])])
    own, _ = owned(client(), mallory(), [rule([mallory()])])
    client().got_keys(mallory(), [own])
    # (a) a part of the victim's uuid, with the victim as its own ancestor or with one's own data.
    for uri in (victim, victim + "/x"):
        for ancestors in ([victim], [own], [own, victim]):
            for owner in ("", alice().id, mallory().id):
                client().create_result(mallory(), uri, ancestors, owner=owner).is_refused(
                    (MALFORMED, DENIED, UNAUTHENTIC)
                )
    client().export(mallory(), victim, vote_result(mallory(), victim)).is_refused(DENIED)
    client().export(mallory(), victim, vote_result(mallory(), victim, [mallory()])).is_refused(
        DENIED
    )
    # (b) a permissive policy through the result, (c) the key overwritten.
    client().get_keys(mallory(), [victim]).is_refused(DENIED)
    equal(client().got_keys(bob(), [victim]), {victim: data}, "keys")


@suite.test
def S5_result_of_another_key_is_not_replaced():
    one, two = released(client())
    result, data = fresh("result"), new_key()
    client().create_result(carol(), result, [one, two], data).ok()
    dave = parties.plain("dave")
    for owner, uuid in ((alice(), one), (bob(), two)):
        client().add_rule(owner, uuid, rule([dave])).ok()
    client().got_keys(dave, [one, two])
    # Dave was given the same originals, and still the result is carol's.
    client().create_result(dave, result, [one, two]).is_refused(DENIED)
    client().create_result(dave, result, [one, two], owner=carol().id).is_refused(
        (DENIED, UNAUTHENTIC)
    )
    equal(client().got_keys(dave, [result]), {result: data}, "keys")


@suite.test
def D19_result_with_a_missing_ancestor_leaves_no_trace():
    one, _ = released(client())
    result = fresh("result")
    client().create_result(carol(), result, [one, fresh()]).is_refused((DENIED, NOT_FOUND))
    client().get_keys(carol(), [result]).is_refused(DENIED)
    client().create_keys(bob(), {result: new_key()}).ok()


@suite.test
def S4_D10_result_is_as_protected_as_each_original():
    # Constraints of both sides hold, also on "*" operations, in whatever order they were named.
    for turn in (0, 1):
        rules = [
            rule([carol()], op_constraints={"*": ['r.op_name != "dump"']}),
            rule(
                [carol()],
                op_constraints={"psi": [], "dump": [], "train": ["1 == 1"]},
                constraints=['r.op_name != "eval"'],
            ),
        ]
        one = owned(client(), alice(), [rules[turn]])[0]
        two = owned(client(), bob(), [rules[1 - turn]])[0]
        client().got_keys(carol(), [one, two])
        result = fresh("result")
        client().create_result(carol(), result, [one, two]).ok()
        for op, allowed in (
            ("psi", True),
            ("train", True),
            ("dump", False),
            ("eval", False),
            ("other", False),
        ):
            equal(
                client().get_keys(carol(), [result], op=op).code,
                0 if allowed else DENIED,
                "code for " + op,
            )


# ---- Policies ---------------------------------------------------------------------------------


@suite.test
def D04_P18_each_method_answers_and_the_manager_lives_on():
    # The original recursed without end in DeleteDataPolicy, for anybody who asked.
    uuid, _ = owned(client(), alice(), [rule([alice()])])
    client().ask("DeleteDataPolicy", {}).is_refused(MALFORMED)
    client().delete_policy(alice(), uuid).ok()
    equal(client().list_policies(alice()).get(uuid), None, "policy")
    for method in ENVELOPE_METHODS:
        for request in (
            client().build({}),
            client().build({}, alice()),
            protocol.manager_message("EncryptedRequest")(),
        ):
            answer = client().send(method, request)
            holds(answer.code == MALFORMED, "%s: %r" % (method, answer))
    equal(client().ra_cert().status.code, 0, "code")
    holds(running(suite).server.alive(), "the manager ended")


@suite.test
def P4_every_method_needs_its_signer():
    # The same bodies as a well-behaved client's, by a signer who is not the party that they name.
    uuid, _ = owned(client(), alice(), [rule([bob()], rule_id="one")])
    bodies = {
        "CreateDataKeys": {"data_keys": [{"resource_uri": uuid, "data_key_b64": b64(new_key())}]},
        "DeleteDataKey": {"resource_uri": uuid},
        "ListDataPolicy": {"scope": "default"},
        "CreateDataPolicy": {"scope": "default", "policy": {"data_uuid": uuid, "rules": []}},
        "AddDataRule": {"scope": "default", "data_uuid": uuid, "rule": rule([mallory()])},
        "DeleteDataPolicy": {"scope": "default", "data_uuid": uuid},
        "DeleteDataRule": {"scope": "default", "data_uuid": uuid, "rule_id": "one"},
        "GetExportDataKey": {"resource_uri": uuid, "data_export_certificate": "{}"},
        "RegisterCert": {"certs": alice().pems, "scheme": "RSA"},
    }
    for method, body in bodies.items():
        body[protocol.PARTY_MEMBER[method]] = alice().id
        for knobs in ({"has_signature": False}, {"x5c": None}, {"x5c": alice().x5c}, {}):
            if method == "RegisterCert" and knobs.get("x5c", 0) is None:
                knobs = {"x5c": None}
            answer = client().ask(method, body, mallory(), **knobs)
            holds(
                answer.code in (MALFORMED, UNAUTHENTIC), "%s %s: %r" % (method, list(knobs), answer)
            )
        answer = client().ask(method, body)
        holds(answer.code == MALFORMED, "%s unsigned: %r" % (method, answer))
    equal(len(client().list_policies(alice())[uuid]), 1, "number of rules")
    client().got_keys(bob(), [uuid])


@suite.test
def D05_policy_is_not_overwritten_by_others():
    uuid, _ = owned(client(), alice(), [rule([bob()], rule_id="mine")])
    client().create_policy(mallory(), uuid, [rule([mallory()])]).is_refused(DENIED)
    client().create_policy(mallory(), uuid, []).is_refused(DENIED)
    equal([r["rule_id"] for r in client().list_policies(alice())[uuid]], ["mine"], "rules")
    client().got_keys(bob(), [uuid])


@suite.test
def D08_envelope_is_not_taken_by_another_method():
    # Unknown members were ignored, so one signed request could be played to another method.
    uuid, _ = owned(client(), alice(), [rule([bob()], rule_id="one")])
    base = {"owner_party_id": alice().id, "scope": "default", "data_uuid": uuid}
    # Made anew each time: one that was tried is spent.
    captured = {
        "AddDataRule": {**base, "rule": rule([carol()], rule_id="two")},
        "DeleteDataRule": {**base, "rule_id": "none"},
        "CreateDataPolicy": {
            "owner_party_id": alice().id,
            "scope": "default",
            "policy": {"data_uuid": uuid, "rules": []},
        },
        "CreateDataKeys": {"owner_party_id": alice().id, "data_keys": []},
    }
    for sender, body in captured.items():
        for method in ENVELOPE_METHODS:
            if method != sender:
                request = client().build(body, alice())
                answer = Answer(client().method(method)(request, timeout=60), alice().key)
                holds(
                    answer.code in (MALFORMED, UNAUTHENTIC),
                    "%s as %s: %r" % (sender, method, answer),
                )
    equal(len(client().list_policies(alice())[uuid]), 1, "number of rules")


# ---- Who is given a key -----------------------------------------------------------------------


@suite.test
def D09_constraints_end_and_never_crash():
    uuid, _ = owned(client(), alice())
    for deep in (3000, 100000):  # within the limit on bytes, and beyond
        for text in (
            "(" * deep + "true" + ")" * deep,
            "!" * deep + "true",
            "-" * deep + "1 == 1",
            "[" * deep + "]" * deep,
            "{" * deep,
            "1+" * deep + "1 == 1",
            "r" + "[0]" * deep + " == 1",
            "r" + ".a" * deep + " == 1",
            "true" + " && true" * deep,
            "`${" * deep,
            "/*" * deep,
            "#{a:" * deep,
            "if true {" * deep,
            "9" * deep + " == 1",
            "true ? " * deep,
            "a" * deep,
            '"' * (deep + 1),
        ):
            started = time.monotonic()
            answer = client().create_policy(alice(), uuid, [rule([bob()], constraints=[text])])
            if answer.code:
                answer.is_refused(MALFORMED)
            else:
                holds(deep == 3000, "%s... was accepted" % text[:20])
                code = client().get_keys(bob(), [uuid]).code
                holds(code in (0, DENIED), "code %d" % code)
            holds(time.monotonic() - started < 30, "%s... took long" % text[:20])
    for text in (
        'eval("loop {}")',
        'eval("while true {}")',
        "loop {}",
        "while true {}",
        "true;",
        "let x = 1",
    ):
        client().create_policy(alice(), uuid, [rule([bob()], constraints=[text])]).is_refused(
            MALFORMED
        )
    for text in (
        "1 / 0 == 1",
        "1 % 0 == 0",
        "(-2147483647 - 1) / -1 == 0",
        "2147483647 + 1 < 0",
        "1 << 40 == 0",
        '"a" * 3 == "aaa"',
        "2 ** 31 < 0",
        "r.op_name ** 2",
        "-(-2147483647 - 1) < 0",
    ):
        answer = client().create_policy(alice(), uuid, [rule([bob()], constraints=[text])])
        if answer.code == 0:
            client().get_keys(bob(), [uuid]).is_refused(DENIED)
    client().create_policy(alice(), uuid, [rule([bob()])]).ok()
    client().got_keys(bob(), [uuid])


@suite.test
def D10_constraints_on_any_operation_hold():
    uuid, _ = owned(client(), alice(), [rule([bob()], op_constraints={"*": ["false"]})])
    for op in ("psi", "*", ""):
        client().get_keys(bob(), [uuid], op=op).is_refused(DENIED)
    client().create_policy(
        alice(), uuid, [rule([bob()], op_constraints={"psi": [], "*": ["false"]})]
    ).ok()
    client().get_keys(bob(), [uuid], op="psi").is_refused(DENIED)
    client().create_policy(
        alice(), uuid, [rule([bob()], op_constraints={"*": ['r.op_name == "psi"']})]
    ).ok()
    client().got_keys(bob(), [uuid], op="psi")
    client().get_keys(bob(), [uuid], op="xgb").is_refused(DENIED)


@suite.test
def D11_no_columns_means_all_columns():
    for columns in (["id"], []):
        uuid, _ = owned(client(), alice(), [rule([bob()], columns=columns)])
        client().get_keys(bob(), {uuid: []}).is_refused(DENIED, "insecure_empty_columns_pass")
    uuid, _ = owned(client(), alice(), [rule([bob()], columns=["id", "*"])])
    client().got_keys(bob(), {uuid: []})
    client().got_keys(bob(), {uuid: ["other"]})


@suite.test
def S6_D12_grantee_who_is_merely_named_is_given_nothing():
    uuid, _ = owned(client(), alice(), [rule([bob()])])
    client().get_keys(mallory(), [uuid], initiator=bob().id).is_refused(
        DENIED, "insecure_claimed_initiator"
    )
    # Nor with the grantee's certificates, which are public.
    request = {
        "initiator_party_id": bob().id,
        "scope": "default",
        "op_name": "psi",
        "resources": [{"resource_uri": uuid, "columns": ["id"]}],
    }
    for cert, x5c in (
        (bob().pem, mallory().x5c),
        (mallory().pem, bob().x5c),
        (bob().pem, bob().x5c),
        (mallory().pem, mallory().x5c + bob().x5c),
        (bob().pem, bob().x5c + mallory().x5c),
    ):
        client().ask(
            "GetDataKeys", {"cert": cert, "resource_request": request}, mallory(), x5c=x5c
        ).is_refused((DENIED, UNAUTHENTIC))
    env = json.dumps(
        {
            "request_time": "2026-01-01T00:00:00Z",
            "tee": {"platform": "sgx", "sgx": {"mr_enclave": "aa"}},
        }
    )
    pinned, _ = owned(
        client(), alice(), [rule([bob()], constraints=['r.env.tee.sgx.mr_enclave == "aa"'])]
    )
    client().get_keys(bob(), [pinned], env=env).is_refused(DENIED)


@suite.test
def D15_certificates_are_registered_by_their_holder_only():
    victim = parties.under_root("victim", root="victim-root")
    client().register_cert(victim, signer=mallory()).is_refused(UNAUTHENTIC)
    client().register_cert(victim, has_signature=False).is_refused(MALFORMED)
    body = {"owner_party_id": victim.id, "certs": victim.pems, "scheme": "RSA"}
    client().ask("RegisterCert", body).is_refused(MALFORMED)
    client().ask("RegisterCert", body, mallory(), x5c=victim.x5c).is_refused(UNAUTHENTIC)
    client().ask("RegisterCert", body, mallory()).is_refused(UNAUTHENTIC)
    client().register_cert(mallory(), owner=victim.id).is_refused(UNAUTHENTIC)
    client().register_cert(
        mallory(), certs=mallory().pems + victim.pems, owner=victim.id
    ).is_refused(UNAUTHENTIC)
    client().register_cert(victim, certs=victim.pems[:1]).is_refused(UNAUTHENTIC)
    client().register_cert(victim, certs=list(reversed(victim.pems)), signer=victim).is_refused(
        UNAUTHENTIC
    )
    for certs in ([], [""], ["x"], [victim.pems[0][:-40]], ["".join(victim.pems)], victim.pems * 5):
        client().register_cert(victim, certs=certs).is_refused((MALFORMED, UNAUTHENTIC))
    client().register_cert(victim, owner="").is_refused((MALFORMED, UNAUTHENTIC))
    old = parties.plain("victim", days=(-9, -1))
    client().register_cert(old).is_refused((UNAUTHENTIC, DENIED))
    # None of it took the victim's place.
    client().register_cert(victim).ok()


# ---- Keys -------------------------------------------------------------------------------------


@suite.test
def D18_keys_of_partitions_and_segments_can_be_asked_for():
    uuid = fresh()
    keys = {
        uri: new_key()
        for uri in (
            uuid,
            uuid + "/part",
            uuid + "/part/1",
            uuid + "/part/1/2",
            uuid + "/",
            uuid + "/p?q=segment_id:[1]",
            uuid + "/*",
        )
    }
    client().create_keys(alice(), keys).ok()
    client().create_policy(alice(), uuid, [rule([bob()])]).ok()
    equal(client().got_keys(bob(), list(keys)), keys, "keys")
    # Each is its own: what looks alike is not the same, and there are no wildcards.
    for uri in (
        uuid + "/part/",
        uuid + "/part/01",
        uuid + "/part/2",
        uuid + "//part",
        uuid + "/PART",
    ):
        client().get_keys(bob(), [uri]).is_refused((NOT_FOUND, DENIED, MALFORMED))
    client().delete_key(alice(), uuid + "/*").ok()
    del keys[uuid + "/*"]
    equal(client().got_keys(bob(), list(keys)), keys, "keys")


@suite.test
def P6_P7_paths_have_no_meaning():
    uuid, data = owned(client(), alice(), [rule([bob()])])
    for uri in (
        "../" + uuid,
        "./" + uuid,
        "/" + uuid,
        "//" + uuid,
        "%2e%2e/" + uuid,
        "x/../" + uuid,
        uuid.upper(),
        uuid + "%2fpart",
        uuid + "\\part",
        " " + uuid,
        uuid + " ",
        uuid + "\u200b",
        uuid + "/../x",
    ):
        client().get_keys(bob(), [uri]).is_refused((DENIED, MALFORMED, NOT_FOUND))
        if not uri.startswith(uuid + "/"):  # nothing of this is alice's uuid, or can be
            answer = client().create_keys(mallory(), {uri: new_key()})
            holds(answer.code in (0, DENIED, MALFORMED), "%r: %r" % (uri, answer))
    equal(client().got_keys(bob(), [uuid]), {uuid: data}, "keys")
    holds(not os.path.exists(os.path.join(running(suite).server.folder, "x")), "a file appeared")


@suite.test
def D19_keys_are_created_all_or_none():
    mine, theirs, after = fresh(), owned(client(), bob())[0], fresh()
    client().create_keys(
        alice(), {mine: new_key(), theirs: new_key(), after: new_key()}
    ).is_refused(DENIED)
    client().create_keys(
        alice(),
        [
            {"resource_uri": mine, "data_key_b64": b64(new_key())},
            {"resource_uri": after, "data_key_b64": "!"},
        ],
    ).is_refused(MALFORMED)
    client().create_keys(
        alice(), [{"resource_uri": mine, "data_key_b64": b64(new_key())}] * 2
    ).is_refused(MALFORMED)
    client().create_keys(alice(), {}).is_refused(MALFORMED)
    # Both uuids are free: nothing was stored.
    client().create_keys(carol(), {mine: new_key(), after: new_key()}).ok()


@suite.test
def D20_uuid_is_never_taken_over():
    uuid, _ = owned(client(), alice(), [rule([bob()])])
    client().delete_key(alice(), uuid).ok()
    for party in (bob(), mallory()):
        client().create_keys(party, {uuid: new_key()}).is_refused(DENIED)
        client().create_policy(party, uuid, [rule([party])]).is_refused(DENIED)
    one, two = released(client())
    client().create_result(carol(), uuid, [one, two]).is_refused(DENIED)
    client().create_keys(alice(), {uuid: new_key()}).ok()


@suite.test
def D20_release_of_a_deleted_key_does_not_count_for_the_new_one():
    # What was released was the key before: the program never had the data of the new one.
    uuid, _ = owned(client(), alice(), [rule([carol()])])
    client().got_keys(carol(), [uuid])
    client().delete_key(alice(), uuid).ok()
    client().create_result(carol(), fresh("result"), [uuid]).is_refused((DENIED, NOT_FOUND))
    client().create_keys(alice(), {uuid: new_key()}).ok()
    client().create_result(carol(), fresh("result"), [uuid]).is_refused(DENIED)
    client().got_keys(carol(), [uuid])
    client().create_result(carol(), fresh("result"), [uuid]).ok()


@suite.test
def D21_data_keys_are_validated_and_bounded():
    uuid = fresh()
    for size in (1, 16, 24, 32, 4096):
        client().create_keys(alice(), {uuid: os.urandom(size)}).ok()
    for bad in (
        "",
        "=",
        "A",
        "AA",
        "AAE",
        "AAE=AAE=",
        "AAF=",
        "AAE=\n",
        " AAE=",
        "AA E=",
        "-_-_",
        "AAE",
        "ä",
        b64(bytes(4097)),
        b64(bytes(100000)),
        "AAE==",
    ):
        keys = [{"resource_uri": uuid, "data_key_b64": bad}]
        client().create_keys(alice(), keys).is_refused(MALFORMED)
    client().create_policy(alice(), uuid, [rule([bob()])]).ok()
    equal(len(client().got_keys(bob(), [uuid])[uuid]), 4096, "bytes of the last good key")


@suite.test
def D21_lists_are_bounded():
    uuid, _ = owned(client(), alice())
    bob_id = bob().id
    for rules in (
        [rule([bob()])] * 1025,
        [rule([bob_id] * 4097)],
        [rule([bob()], columns=["c"] * 16385)],
        [rule([bob()], constraints=["true"] * 257)],
        [rule([bob()], ops=["o%d" % n for n in range(257)])],
        [rule([bob()], columns=["c" * 1025])],
        [rule(["g" * 1025])],
        [rule([bob()], constraints=["true" + " " * 16384])],
        [rule([bob()], rule_id="i" * 1025)],
    ):
        client().create_policy(alice(), uuid, rules).is_refused(MALFORMED)
    equal(client().list_policies(alice()).get(uuid), None, "policy")
    answer = client().create_policy(alice(), uuid, [rule([bob()])], scope="s" * 1025)
    answer.is_refused(MALFORMED)


# ---- What is said -----------------------------------------------------------------------------


@suite.test
def D24_refusals_have_codes_of_their_own():
    uuid, _ = owned(client(), alice(), [rule([bob()], rule_id="one")])
    codes = {
        "absent": client().delete_key(alice(), fresh()).code,
        "exists": client().add_rule(alice(), uuid, rule([bob()], rule_id="one")).code,
        "denied": client().get_keys(carol(), [uuid]).code,
        "not authentic": client().create_keys(alice(), {uuid: new_key()}, x5c=None).code,
        "malformed": client().create_keys(alice(), [{}]).code,
        "unsupported": client().create_keys(alice(), {uuid: new_key()}, alg="dir").code,
    }
    equal(
        codes,
        {
            "absent": NOT_FOUND,
            "exists": EXISTS,
            "denied": DENIED,
            "not authentic": UNAUTHENTIC,
            "malformed": MALFORMED,
            "unsupported": UNSUPPORTED,
        },
        "codes",
    )


@suite.test
def D24_refusals_say_what_is_wrong_and_nothing_of_the_inside():
    uuid, _ = owned(client(), alice(), [rule([bob()], ["psi"], ["id"])])
    said = [
        client().get_keys(bob(), [uuid], op="xgb").is_refused(DENIED, uuid, "xgb"),
        client().get_keys(bob(), {uuid: ["secret"]}).is_refused(DENIED, uuid, "secret"),
        client().create_keys(alice(), {uuid: b""}).is_refused(MALFORMED, "data_key"),
        client().create_keys(mallory(), {uuid: new_key()}).is_refused(DENIED, uuid),
        client().create_keys(alice(), {uuid: new_key()}, alg="dir").is_refused(UNSUPPORTED, "dir"),
        client().create_keys(alice(), {uuid: new_key()}, tag_bytes=3).is_refused(MALFORMED, "tag"),
        client()
        .create_keys(alice(), {uuid: new_key()}, x5c=["AAAA"])
        .is_refused((MALFORMED, UNAUTHENTIC), "x5c"),
        client().ask("CreateDataKeys", b"{", alice()).is_refused(MALFORMED),
        client().export(alice(), uuid, "{").is_refused(MALFORMED),
    ]
    for text in said:
        for inside in (".c:", "src/", "0x", "error:", "OpenSSL", "sqlite", "jansson", "(null)"):
            holds(inside.lower() not in text.lower(), "%r tells of the inside" % text)


@suite.test
def D25_what_is_not_there_is_refused_clearly():
    body = {"owner_party_id": alice().id, "certs": alice().pems, "scheme": "SM2"}
    client().ask("RegisterCert", body, alice(), x5c=None).is_refused(
        (UNSUPPORTED, MALFORMED), "SM2"
    )
    client().create_keys(
        alice(), {fresh(): new_key()}, jws_alg="SM2SM3", signed_alg="RS256"
    ).is_refused(UNSUPPORTED, "SM2SM3")
    client().create_keys(alice(), {fresh(): new_key()}, alg="SM2").is_refused(UNSUPPORTED, "SM2")


@suite.test
def D16_P13_no_secret_is_ever_logged():
    with Running(log_config__log_level="debug", admin_listen="127.0.0.1:0") as scene:
        asked = scene.client
        canaries = [os.urandom(32) for _ in range(64)]
        uuids = [fresh("canary") for _ in canaries]
        asked.create_keys(alice(), dict(zip(uuids, canaries))).ok()
        # The same keys in requests that fail at every step.
        held = [{"resource_uri": u, "data_key_b64": b64(k)} for u, k in zip(uuids, canaries)]
        body = {"owner_party_id": alice().id, "data_keys": held}
        for knobs in (
            {"x5c": None},
            {"has_signature": False},
            {"tag_bytes": 15},
            {"alg": "dir"},
            {"tamper_jws": lambda m: m.update(signature=m["signature"][:-4])},
        ):
            asked.ask("CreateDataKeys", body, alice(), **knobs)
        asked.ask("CreateDataKeys", {**body, "owner_party_id": bob().id}, alice()).is_refused(
            UNAUTHENTIC
        )
        asked.ask("CreateDataKeys", {**body, "x": 1}, alice()).is_refused(MALFORMED)
        asked.ask("CreateDataKeys", json.dumps(body)[:-1], alice()).is_refused(MALFORMED)
        asked.ask(
            "CreateDataKeys", {**body, "data_keys": [held[0]["data_key_b64"]]}, alice()
        ).is_refused(MALFORMED)
        asked.create_keys(
            alice(), [dict(held[0], data_key_b64=held[0]["data_key_b64"] + "!")]
        ).is_refused(MALFORMED)
        asked.create_keys(
            alice(), [dict(held[0], data_key_b64=[held[0]["data_key_b64"]])]
        ).is_refused(MALFORMED)
        for uuid in uuids:
            asked.create_policy(alice(), uuid, [rule([bob()])]).ok()
        asked.got_keys(bob(), uuids)
        asked.get_keys(carol(), uuids).is_refused(DENIED)
        result, secret = fresh("result"), os.urandom(32)
        canaries.append(secret)
        asked.create_result(bob(), result, uuids[:2], secret).ok()
        asked.exported(alice(), result, vote_result(alice(), result))
        asked.delete_key(alice(), uuids[0]).ok()
        scene.server.restart()
        logs = scene.server.logs()
        with open(os.path.join(scene.server.folder, "data", "root.key"), "rb") as file:
            root_key = file.read()
        scene.client.close()
        scene.client = protocol.Client(scene.server.target)
    holds(len(logs) > 1000, "there is hardly any log: %r" % logs)
    spelled = [
        spell
        for canary in canaries
        for spell in (
            canary.hex(),
            canary.hex().upper(),
            b64(canary),
            base64.urlsafe_b64encode(canary).decode(),
        )
    ]
    spelled += [root_key.decode(errors="replace").strip(), root_key.hex(), "PRIVATE KEY"]
    for secret in spelled:
        # Also not in halves, as a text that was cut.
        for piece in (secret, secret[:20], secret[-20:]) if secret != "PRIVATE KEY" else (secret,):
            at = logs.find(piece)
            holds(at < 0, "a secret is in the logs: ...%r" % logs[max(0, at - 200) : at])
    # Nor in the store as it lies on disk.
    for name in os.listdir(os.path.join(scene.server.folder, "data")):
        if not name.startswith("root.key"):
            with open(os.path.join(scene.server.folder, "data", name), "rb") as file:
                stored = file.read()
            for canary in canaries:
                for spell in (canary, b64(canary).encode(), canary.hex().encode()):
                    holds(spell not in stored, "a data key lies open in " + name)


suite.main()
