# SPDX-License-Identifier: Apache-2.0
"""Signatures of native requests (docs/explanation/PROTOCOL.md, §4): which are taken, that each
is taken once, and versions of policies.
"""

import datetime
import os

import native
import nativelog
import parties
from harness import equal, holds
from nativescene import asked, BAD, client, every, named, NativeRunning, suite
from protocol import b64, b64u, DENIED, EXISTS, fresh, MALFORMED, new_key, NOT_FOUND, rule
from scene import alice, bob, owned

# ---- §4. The request's signature --------------------------------------------------------------


@suite.test
def every_algorithm_of_a_signer_s_key_is_taken():
    for kind, algs in (
        ("rsa", ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("ec", ("ES256",)),
    ):
        party = parties.plain("signer", kind=kind)
        for alg in algs:
            answer = client().ask(
                "ListDataPolicy", {"owner_party_id": party.id, "scope": "s"}, party, jws_alg=alg
            )
            named(alg, answer.ok)


@suite.test
def a_signer_with_a_curve_key_can_call_every_method():
    party = parties.under_root("ec-leaf", root="ec-root", kind="ec", root_kind="ec")
    uuid, data = owned(client(), party, [rule([party])])
    equal(client().got_keys(party, [uuid]), {uuid: data}, "keys of an EC signer")


def bad_signatures():
    owner = alice()
    other = bob()
    for name in ("alg", "x5c", "aud", "method", "iat", "jti"):
        yield "without " + name, {"jws_header": {name: None}}
    for aud in ("00" * 32, client().manager.id.upper(), client().manager.id[:-1], "", "*"):
        yield "aud %r" % aud[:10], {"aud": aud}
    for aud in ([client().manager.id], 1, {"a": 1}):
        yield "aud of another kind", {"jws_header": {"aud": aud}}
    for method in (
        "CreateDataKeys",
        "listDataPolicy",
        "ListDataPolicy ",
        "",
        native.SERVICE + "ListDataPolicy",
    ):
        yield "method %r" % method, {"said_method": method}
    yield "method that is a list", {"jws_header": {"method": ["ListDataPolicy"]}}
    for what, iat in (
        ("301 s ago", lambda now: now - 301),
        ("a day ago", lambda now: now - 86400),
        ("in an hour", lambda now: now + 3600),
        ("in milliseconds", lambda now: now * 1000),
        ("0", lambda now: 0),
        ("negative", lambda now: -now),
        ("the largest", lambda now: 2**63 - 1),
        ("the smallest", lambda now: -(2**63)),
        ("beyond 64 bits", lambda now: 2**64 + now),
        ("text", str),
        ("a fraction", lambda now: now + 0.5),
        ("true", lambda now: True),
    ):
        yield "iat " + what, {"iat": iat}
    yield "iat 310 s ahead", {"iat": lambda now: now + 310}
    for what, jti in (
        ("empty", ""),
        ("of 15 bytes", b64u(os.urandom(15))),
        ("of 17 bytes", b64u(os.urandom(17))),
        ("of 4000 bytes", b64u(os.urandom(4000))),
        ("padded", b64u(os.urandom(16)) + "=="),
        ("no base64url", "+" * 22),
        ("with bits behind its end", b64u(bytes(16))[:-1] + "B"),
    ):
        yield "jti " + what, {"jti": jti}
    yield "jti that is a number", {"jws_header": {"jti": 7}}
    for alg in ("none", "HS256", "ES256", "RS1", "rs256", "", 1):
        yield "alg %r" % alg, {"jws_alg": "RS256", "jws_header": {"alg": alg}}
    yield "alg that is not the signature's", {"jws_alg": "RS256", "signed_alg": "PS256"}
    yield "another's signature", {"signer": other.key}
    yield "another's chain", {"x5c": other.x5c}
    yield "an empty chain", {"x5c": []}
    yield "a chain twice", {"x5c": owner.x5c + other.x5c}
    yield "a chain that is text", {"x5c": owner.x5c[0]}
    yield "no header", {"jws_header_text": "{"}
    yield "a list as header", {"jws_header_text": "[]"}

    def change(name, value):
        def tamper(members):
            members[name] = value(members[name])

        return {"tamper_jws": tamper}

    yield "a changed payload", change(
        "payload", lambda text: b64u(nativelog.un_b64u(text, "p") + b" ")
    )
    yield "an empty signature", change("signature", lambda _: "")
    yield "a padded signature", change("signature", lambda text: text + "=")
    yield "a number as payload", change("payload", lambda _: 1)


@suite.test
def requests_whose_signature_is_not_good_are_refused_under_the_seal():
    def check(_, knobs):
        answer = asked(**knobs)
        answer.refused(BAD)
        equal((answer.leaf, answer.decision_id), (None, ""), "record of what nobody signed")

    every(bad_signatures(), check)
    asked().ok()


@suite.test
def a_member_of_the_signature_s_header_may_not_stand_twice():
    now = int(datetime.datetime.now(datetime.timezone.utc).timestamp())
    text = (
        '{"alg":"RS256","x5c":["%s"],"aud":"%s","method":"ListDataPolicy","iat":%d,"jti":"%s",'
        '"method":"ListDataPolicy"}'
    )
    header = text % (alice().x5c[0], client().manager.id, now, b64u(os.urandom(16)))
    asked(jws_header_text=header).refused(BAD)


@suite.test
def times_within_five_minutes_are_taken():
    for seconds in (-290, -60, 60, 290):
        answer = asked(iat=lambda now: now + seconds)
        named("iat %d s off" % seconds, answer.ok)


@suite.test
def what_is_no_signature_is_refused_under_the_seal():
    for what, text in (
        ("the bare request", b'{"owner_party_id":"%s"}' % alice().id.encode()),
        ("nothing", b""),
        ("no JSON", b"{"),
        ("a list", b"[]"),
        ("a compact JWS", b"a.b.c"),
        ("bytes", b"\x00\xff"),
    ):
        request, sealed = client().envelope(text)
        answer = client().deliver("ListDataPolicy", request, sealed)
        named(what, answer.refused, BAD)


@suite.test
def what_is_no_request_is_refused_under_the_seal():
    for what, body in (
        ("no JSON", "{"),
        ("a list", "[]"),
        ("an unknown member", {"owner_party_id": alice().id, "scope": "s", "who": 1}),
        ("a member of another kind", {"owner_party_id": 1}),
        ("another party's name", {"owner_party_id": bob().id, "scope": "default"}),
        ("a member twice", '{"scope":"a","scope":"a","owner_party_id":"%s"}' % alice().id),
    ):
        answer = client().ask("ListDataPolicy", body, alice())
        named(what, answer.refused, BAD + (DENIED,))


# ---- §4. Replay -------------------------------------------------------------------------------


def create(owner, uuid, **knobs):
    return client().make(
        "CreateDataKeys",
        {
            "owner_party_id": owner.id,
            "data_keys": [{"resource_uri": uuid, "data_key_b64": b64(new_key())}],
        },
        owner,
        **knobs
    )


@suite.test
def a_request_is_taken_once():
    request, sealed = create(alice(), fresh())
    client().deliver("CreateDataKeys", request, sealed).ok()
    for _ in range(3):
        client().deliver("CreateDataKeys", request, sealed).refused(EXISTS)
    # Neither by another method.
    for method in ("DeleteDataKey", "CreateDataPolicy", "GetDataKeys", "ListAudit"):
        answer = client().deliver(method, request, sealed, keep=False)
        named("at " + method, answer.refused, BAD + (EXISTS,))


@suite.test
def a_read_and_a_denial_are_spent_too():
    body = {"owner_party_id": alice().id, "scope": "default"}
    request, sealed = client().make("ListDataPolicy", body, alice())
    client().deliver("ListDataPolicy", request, sealed).ok()
    client().deliver("ListDataPolicy", request, sealed).refused(EXISTS)
    uuid, _ = owned(client(), alice())
    body = {"owner_party_id": bob().id, "resource_uri": uuid}
    request, sealed = client().make("DeleteDataKey", body, bob())
    client().deliver("DeleteDataKey", request, sealed).refused((NOT_FOUND, DENIED))
    client().deliver("DeleteDataKey", request, sealed).refused(EXISTS)


@suite.test
def a_jti_is_one_key_s_and_good_once():
    jti = b64u(os.urandom(16))
    asked(jti=jti).ok()
    asked(jti=jti).refused(EXISTS)
    asked(jti=jti, iat=lambda now: now - 200).refused(EXISTS)
    # For another request, too, and for the same key with another certificate.
    request, sealed = create(alice(), fresh(), jti=jti)
    client().deliver("CreateDataKeys", request, sealed).refused(EXISTS)
    renewed = parties.plain("alice", "alice, renewed")
    equal(renewed.id, alice().id, "party")
    request, sealed = create(renewed, fresh(), jti=jti)
    client().deliver("CreateDataKeys", request, sealed).refused(EXISTS)
    # Another key's jti is another one.
    request, sealed = create(bob(), fresh(), jti=jti)
    client().deliver("CreateDataKeys", request, sealed).ok()


@suite.test
def nobody_spends_another_s_jti():
    # A request whose signature does not hold was not accepted.
    for what, knobs in (
        ("another's signature", {"signer": bob().key}),
        ("another audience", {"aud": "00" * 32}),
        ("another method", {"said_method": "DeleteDataKey"}),
        ("an old time", {"iat": lambda now: now - 4000}),
    ):
        jti = b64u(os.urandom(16))
        asked(jti=jti, **knobs).refused(BAD)
        named("after " + what, asked(jti=jti).ok)


def is_remembered_after_a_crash(method, body):
    with NativeRunning() as own:
        jti, now = b64u(os.urandom(16)), int(datetime.datetime.now().timestamp())
        own.client.ask(method, body, alice(), jti=jti, iat=now).ok()
        own.restart(kill=True)
        own.client.fetch()  # its keys may be new ones
        own.client.ask(method, body, alice(), jti=jti, iat=now).refused(EXISTS)
        own.client.ask(method, body, alice()).ok()


@suite.test
def a_crash_forgets_no_change():
    keys = [{"resource_uri": fresh(), "data_key_b64": b64(new_key())}]
    is_remembered_after_a_crash("CreateDataKeys", {"owner_party_id": alice().id, "data_keys": keys})


def listed_version(owner, uuid):
    """0: there is no such policy."""
    names = {"owner_party_id": owner.id, "scope": "default"}
    listed = client().ask("ListDataPolicy", names, owner).ok().body or {}
    versions = [int(p["version"]) for p in listed.get("policies", []) if p["data_uuid"] == uuid]
    return versions[0] if versions else 0


@suite.test
def a_change_of_a_policy_may_name_the_version_that_it_expects():
    owner, rules = parties.plain("versions"), [rule([bob()], rule_id="r")]
    uuid, _ = owned(client(), owner)
    client().create_policy(owner, uuid, rules, version=7).refused(native.CONFLICT)
    equal(listed_version(owner, uuid), 0, "version of no policy")
    client().create_policy(owner, uuid, rules, version=0).ok()
    client().create_policy(owner, uuid, rules, version=0).refused(native.CONFLICT)
    version = listed_version(owner, uuid)
    holds(version > 0, "version %d" % version)
    client().add_rule(owner, uuid, rule([bob()], rule_id="s"), version=version).ok()
    client().add_rule(owner, uuid, rule([bob()], rule_id="t"), version=version).refused(
        native.CONFLICT
    )
    later = listed_version(owner, uuid)
    holds(later > version, "a change left the version at %d" % later)
    equal(len(client().list_policies(owner)[uuid]), 2, "rules")
    client().delete_rule(owner, uuid, "s", version=version).refused(native.CONFLICT)
    client().delete_rule(owner, uuid, "s", version=later).ok()
    client().delete_policy(owner, uuid, version=later).refused(native.CONFLICT)
    client().delete_policy(owner, uuid, version=listed_version(owner, uuid)).ok()
    # And without one it is as before.
    client().create_policy(owner, uuid, rules).ok()


@suite.test
def a_version_that_nobody_would_look_at_is_refused():
    uuid = fresh()
    client().create_keys(alice(), {uuid: b"k"}, version=0).refused(MALFORMED, "version")
    client().create_keys(alice(), {uuid: b"k"}).ok()
    asked(version=0).refused(MALFORMED, "version")
    client().get_keys(alice(), [uuid], version=1).refused(MALFORMED, "version")
    client().delete_key(alice(), uuid, version=1).refused(MALFORMED, "version")
    client().delete_key(alice(), uuid).ok()


@suite.test
def a_version_is_a_number():
    owner = parties.plain("versions")
    uuid, _ = owned(client(), owner)
    for version in ("0", 0.5, -1, True, [0], 2**63, -(2**63) - 1):
        answer = client().create_policy(owner, uuid, [], jws_header={"version": version})
        named("version %r" % version, answer.refused, BAD + (native.CONFLICT,))


suite.main()
