# SPDX-License-Identifier: Apache-2.0
"""Is the text of requests read strictly, and does every text that is one survive?

JSON and its members, ids, scripts of every kind, sizes: scenario 5 of the interoperation list.
"""

import json

import parties
from harness import Suite, equal, holds
from protocol import MALFORMED, UNAUTHENTIC, b64, fresh, new_key, rule
from scene import PACKAGES, alice, running

suite = Suite()
suite.needs(*PACKAGES)


def client():
    return running(suite).client


def put(party, **knobs):
    """Register one key under a uuid of its own."""
    return client().create_keys(party, {fresh(): new_key()}, **knobs)


def still_works():
    put(alice()).ok()


# ---- 5. Text ----------------------------------------------------------------------------------


@suite.test
def P14_deep_json_is_refused():
    for depth in (33, 1000, 100000):
        for text in (b"[" * depth + b"]" * depth, b'{"data_keys":' * depth + b"1" + b"}" * depth):
            client().ask("CreateDataKeys", text, alice()).is_refused(MALFORMED)
    still_works()


@suite.test
def json_members_are_checked():
    keys = [{"resource_uri": fresh(), "data_key_b64": b64(new_key())}]
    good = {"owner_party_id": alice().id, "data_keys": keys}
    client().ask("CreateDataKeys", {**good, "unknown": 1}, alice()).is_refused(MALFORMED, "unknown")
    client().ask(
        "CreateDataKeys", {**good, "data_keys": [{**keys[0], "more": "x"}]}, alice()
    ).is_refused(MALFORMED, "more")
    camel = {"ownerPartyId": alice().id, "dataKeys": keys}
    client().ask("CreateDataKeys", camel, alice()).is_refused(MALFORMED, "ownerPartyId")
    for wrong in (
        {**good, "owner_party_id": 1},
        {**good, "owner_party_id": None},
        {**good, "data_keys": {}},
        {**good, "data_keys": "x"},
        {**good, "data_keys": [1]},
        {**good, "data_keys": [None]},
        {**good, "data_keys": [[]]},
        {"owner_party_id": alice().id},
        {"data_keys": keys},
    ):
        answer = client().ask("CreateDataKeys", wrong, alice())
        holds(answer.code in (MALFORMED, UNAUTHENTIC), "%r: %r" % (wrong, answer))
    twice = '{"owner_party_id":"%s","owner_party_id":"%s","data_keys":%s}' % (
        alice().id,
        alice().id,
        json.dumps(keys),
    )
    client().ask("CreateDataKeys", twice, alice()).is_refused(MALFORMED)


@suite.test
def empty_ids_are_refused():
    a = alice()
    data = b64(new_key())
    for method, body in (
        (
            "CreateDataKeys",
            {"owner_party_id": "", "data_keys": [{"resource_uri": "x", "data_key_b64": data}]},
        ),
        (
            "CreateDataKeys",
            {"owner_party_id": a.id, "data_keys": [{"resource_uri": "", "data_key_b64": data}]},
        ),
        ("CreateDataKeys", {"owner_party_id": a.id, "data_keys": [{"data_key_b64": data}]}),
        (
            "CreateDataKeys",
            {"owner_party_id": a.id, "data_keys": [{"resource_uri": "/x", "data_key_b64": data}]},
        ),
        ("DeleteDataKey", {"owner_party_id": a.id, "resource_uri": ""}),
        ("DeleteDataKey", {"owner_party_id": "", "resource_uri": "x"}),
        ("CreateDataPolicy", {"owner_party_id": a.id, "scope": "s", "policy": {"rules": []}}),
        ("CreateDataPolicy", {"owner_party_id": a.id, "scope": "s"}),
        ("CreateDataPolicy", {"owner_party_id": a.id, "scope": "s", "policy": None}),
        ("AddDataRule", {"owner_party_id": a.id, "scope": "s", "rule": rule([a])}),
        ("AddDataRule", {"owner_party_id": a.id, "scope": "s", "data_uuid": "x"}),
        ("DeleteDataPolicy", {"owner_party_id": a.id, "scope": "s", "data_uuid": ""}),
        ("DeleteDataRule", {"owner_party_id": a.id, "scope": "s", "data_uuid": "x", "rule_id": ""}),
        ("DeleteDataRule", {"owner_party_id": a.id, "scope": "s", "rule_id": "x"}),
        ("ListDataPolicy", {"scope": "s"}),
        ("GetExportDataKey", {"resource_uri": "x"}),
        ("GetExportDataKey", {"request_party_id": a.id, "data_export_certificate": "{}"}),
    ):
        answer = client().ask(method, body, a)
        holds(answer.code == MALFORMED, "%s %r: %r" % (method, body, answer))


@suite.test
def text_of_every_script_survives():
    reader = parties.plain("alice")
    for name in (
        "späť",
        "数据-表",
        "données \U0001f512\U0001f511",
        'quo"ted\\back\\slash',
        "tab\tnew\nline",
        "  blanks  ",
        "'; DROP TABLE capsa; --",
        "%s%n%00",
        "\u202eright-to-left",
        "a" * 900,
    ):
        uuid, column = fresh(name), "column " + name
        for pretty in (True, False):  # \u escapes with surrogate pairs, and raw UTF-8
            data = new_key()
            client().create_keys(reader, {uuid: data}, pretty=pretty).ok()
            client().create_policy(
                reader, uuid, [rule([reader], columns=[column], rule_id=name)], pretty=pretty
            ).ok()
            equal(client().got_keys(reader, {uuid: [column]}, pretty=pretty), {uuid: data}, "keys")
        listed = client().list_policies(reader)[uuid][0]
        equal((listed["rule_id"], listed["columns"]), (name, [column]), "listed rule")


@suite.test
def text_that_is_no_text_is_refused():
    def keys_of(uri):
        return (
            '{"owner_party_id":"%s","data_keys":[{"resource_uri":"%s","data_key_b64":"AAECAwQ="}]}'
            % (alice().id, uri)
        )

    for uri in (
        "\\ud800",
        "\\udc00\\ud800",
        "\\ud83dx",
        "a\\u0000b",
        "\\u0000",
        "\\x41",
        "tab\there",
        "\\u12",
    ):
        client().ask("CreateDataKeys", keys_of(uri), alice()).is_refused(MALFORMED)
    for raw in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\0b"):
        text = keys_of("@").encode().replace(b"@", raw)
        client().ask("CreateDataKeys", text, alice()).is_refused(MALFORMED)


@suite.test
def long_ids_have_a_limit():
    put_key = {"u" * 1024: new_key()}
    client().create_keys(alice(), put_key).ok()
    client().create_keys(alice(), {"u" * 1025: new_key()}).is_refused(MALFORMED)
    client().create_keys(alice(), {"u" * 1000000: new_key()}).is_refused(MALFORMED)


@suite.test
def a_thousand_keys_in_one_request():
    stem = fresh()
    keys = {"%s/part/%d" % (stem, number): new_key(32) for number in range(1000)}
    client().create_keys(alice(), keys).ok()
    client().create_policy(alice(), stem, [rule([alice()])]).ok()
    equal(client().got_keys(alice(), list(keys)), keys, "keys")
    # One more resource than a request may name, and more keys than a request may register.
    uris = {"%s/x/%d" % (stem, number): ["id"] for number in range(1025)}
    client().get_keys(alice(), uris).is_refused(MALFORMED)
    client().create_keys(alice(), {"%s/y/%d" % (stem, n): b"k" for n in range(4097)}).is_refused(
        MALFORMED
    )


suite.main()
