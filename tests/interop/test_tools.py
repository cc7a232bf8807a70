# SPDX-License-Identifier: Apache-2.0
"""Do the original's command lines run unmodified, and are their files and ours the same?

cms and cms_util beside `capsa cms` and `capsa cms_util`: the same YAML, votes that are begun by one
and ended by the other, encrypted files in both directions. Scenarios 13, 18 and 19 of the
interoperation list. The originals come from their registry (requirements.txt); without them
everything here says skipped.
"""

import base64
import json
import os
import zlib

import parties
import protocol
from harness import Suite, equal, holds, temporary_folder
from protocol import DENIED, b64, fresh, new_key, rule
from scene import PACKAGES, alice, bob, carol, owned, running

suite = Suite()
suite.needs(*PACKAGES, "sdc.capsule_manager_frame", "cli.cms", "cli.cms_util")
if suite.missing is None:
    import sdk
    from sdk import Original, Ours


def server():
    return running(suite).server


def client():
    return running(suite).client


# ---- The command line cms ---------------------------------------------------------------------


def sections(uuid, data):
    return {
        "register_data_keys": {
            "data_keys": [
                {"resource_uri": uuid, "data_key_b64": b64(data)},
                {"resource_uri": uuid + "/part/1", "data_key_b64": b64(data)},
            ]
        },
        "register_data_policy": {
            "scope": "default",
            "data_uuid": uuid,
            "rules": [
                {
                    "rule_id": "one",
                    "grantee_party_ids": [bob().id],
                    "columns": ["id", "it's"],
                    "global_constraints": ['r.op_name != "dump"'],
                    "op_constraints": [
                        {"op_name": "psi", "constraints": []},
                        {"op_name": "*", "constraints": ['r.scope == "default"']},
                    ],
                }
            ],
        },
        "get_data_policys": {"scope": "default"},
        "delete_data_policy": {"scope": "default", "data_uuid": uuid},
        "add_data_rule": {
            "scope": "default",
            "data_uuid": uuid,
            "rule": {
                "rule_id": "two",
                "grantee_party_ids": [carol().id],
                "columns": ["*"],
                "global_constraints": None,
                "op_constraints": [{"op_name": "*", "constraints": None}],
            },
        },
        "delete_data_rule": {"scope": "default", "data_uuid": uuid, "rule_id": "one"},
        "delete_data_key": {"resource_uri": uuid + "/part/1"},
    }


def documents(text):
    """The JSON documents that stand one after another in the text."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


@suite.test
def the_same_yaml_serves_both_command_lines():
    outputs = []
    for tool in (Original(), Ours()):
        owner = parties.under_two("cms-leaf", root="cms-root-" + tool.name)
        folder, uuid, data = temporary_folder("cms"), "cms-uuid-" + tool.name, new_key()
        path = os.path.join(folder, "cli.yaml")
        written = sdk.config(
            server().target, owner, *owner.write(folder, "owner"), **sections(uuid, data)
        )
        sdk.write_yaml(path, written)
        seen = [tool.cms(path, "get-public-key")]
        for verb in ("register-cert", "register-data-keys", "register-data-policy"):
            equal(tool.cms(path, verb), "", "output of " + verb)
        seen.append(tool.cms(path, "get-data-policys"))
        equal(
            client().got_keys(bob(), {uuid: ["id", "it's"], uuid + "/part/1": ["id"]}),
            {uuid: data, uuid + "/part/1": data},
            "keys",
        )
        equal(tool.cms(path, "add-data-rule"), "", "output of add-data-rule")
        client().got_keys(carol(), [uuid])
        equal(tool.cms(path, "delete-data-rule"), "", "output of delete-data-rule")
        client().get_keys(bob(), {uuid: ["id"]}).is_refused(DENIED)
        equal(tool.cms(path, "delete-data-key"), "", "output of delete-data-key")
        sdk.fails(lambda: tool.cms(path, "delete-data-key"))
        votes = os.path.join(folder, "votes.json")
        with open(votes, "w") as file:
            json.dump(protocol.vote_result(owner, uuid), file)
        written["get_export_data_key_b64"] = {
            "resource_uri": uuid,
            "data_export_certificate_file": votes,
        }
        sdk.write_yaml(path, written)
        equal(tool.cms(path, "get-export-data-key-b64").strip(), b64(data), "exported key")
        equal(tool.cms(path, "delete-data-policy"), "", "output of delete-data-policy")
        equal(tool.cms(path, "get-data-policys").strip(), "", "output of get-data-policys for none")
        outputs.append((seen[0], documents(seen[1].replace(tool.name, "TOOL"))))
    theirs, ours = outputs
    equal(ours[1], theirs[1], "policies as printed")
    pem = theirs[0].strip()[2:-1].replace("\\n", "\n").strip()
    holds(ours[0].strip() in (pem, theirs[0].strip()), "public key as printed: %r" % ours[0])


# ---- The command line cms_util ----------------------------------------------------------------


@suite.test
def party_ids_are_equal():
    folder = temporary_folder("party")
    for name, party in (
        ("self", alice()),
        ("two", parties.under_two("leaf")),
        ("ec", parties.under_root("leaf", root="ec-root", root_kind="ec")),
    ):
        files = party.write(folder, name)[1]
        arguments = [word for file in files for word in ("--cert-file", file)]
        for tool in (Original(), Ours()):
            equal(
                tool.util("generate-party-id", *arguments).strip(),
                party.id,
                "party id by " + tool.name,
            )


@suite.test
def generated_keys_are_usable_by_the_other_side():
    folder = temporary_folder("generated")
    for maker, user in ((Original(), Ours()), (Ours(), Original())):
        key_file, cert_file = (os.path.join(folder, maker.name + end) for end in (".key", ".crt"))
        maker.util("generate-rsa-keypair", "--private-key-file", key_file, "--cert-file", cert_file)
        party_id = user.util("generate-party-id", "--cert-file", cert_file).strip()
        equal(
            maker.util("generate-party-id", "--cert-file", cert_file).strip(), party_id, "party id"
        )
        uuid = fresh()
        path = sdk.write_yaml(
            os.path.join(folder, maker.name + ".yaml"),
            {
                **sdk.config(
                    server().target, alice(), key_file, [cert_file], **sections(uuid, new_key())
                ),
                "common": {
                    "party_id": party_id,
                    "cert_pems_file": [cert_file],
                    "scheme": "RSA",
                    "private_key_file": key_file,
                },
            },
        )
        user.cms(path, "register-data-keys")
        for bits in (128, 192, 256):
            text = maker.util("generate-data-key-b64", "--bit-len", str(bits)).strip()
            equal(len(base64.b64decode(text, validate=True)), bits // 8, "bytes of a key")


@suite.test
def votes_of_either_side_are_good_for_the_other():
    folder = temporary_folder("votes")
    voter = parties.under_two("vote-leaf", root="vote-root")
    one = owned(client(), alice(), [rule([carol()])])[0]
    two = owned(client(), voter, [rule([carol()])])[0]
    client().got_keys(carol(), [one, two])
    result, data = fresh("result"), new_key()
    client().create_result(carol(), result, [one, two], data).ok()
    key_file, cert_files = alice().write(folder, "alice")
    voter_key, voter_certs = voter.write(folder, "voter")
    ours, theirs = Ours(), Original()
    for number, (signer, caster, counter, asker) in enumerate(
        (
            (theirs, theirs, theirs, theirs),
            (ours, ours, ours, ours),
            (theirs, ours, theirs, ours),
            (ours, theirs, ours, theirs),
            (theirs, theirs, ours, ours),
            (ours, ours, theirs, theirs),
        )
    ):

        def at(name):
            return os.path.join(folder, "%d-%s" % (number, name))

        request = sdk.write_yaml(
            at("request.yaml"),
            {
                "vote_request": {
                    "type": "TEE_DOWNLOAD",
                    "approved_threshold": 1,
                    "approved_action": "tee/download," + result,
                    "cert_chain_file": cert_files,
                    "private_key_file": key_file,
                }
            },
        )
        signer.util(
            "sign-vote-request",
            "--vote-request-file",
            request,
            "--signed-vote-request-file",
            at("signed-request.yaml"),
        )
        signature = signature_in(at("signed-request.yaml"))
        ballot = sdk.write_yaml(
            at("voter.yaml"),
            {
                "vote_request_signature": signature,
                "action": "APPROVE",
                "cert_chain_file": voter_certs,
                "private_key_file": voter_key,
            },
        )
        caster.util(
            "voter-sign", "--voter-file", ballot, "--signed-voter-file", at("signed-voter.yaml")
        )
        counter.util(
            "generate-vote-result",
            "--signed-vote-request-file",
            at("signed-request.yaml"),
            "--signed-voter-files",
            at("signed-voter.yaml"),
            "--vote-result-file",
            at("result.json"),
        )
        path = sdk.write_yaml(
            at("cms.yaml"),
            sdk.config(
                server().target,
                alice(),
                key_file,
                cert_files,
                get_export_data_key_b64={
                    "resource_uri": result,
                    "data_export_certificate_file": at("result.json"),
                },
            ),
        )
        equal(asker.cms(path, "get-export-data-key-b64").strip(), b64(data), "exported key")
        with open(at("result.json")) as file:
            without = json.load(file)
        without["vote_invite"] = []
        with open(at("result.json"), "w") as file:
            json.dump(without, file)
        sdk.fails(lambda: asker.cms(path, "get-export-data-key-b64"))
    # The key that was exported opens what the program sealed with it.
    sealed, opened = os.path.join(folder, "data.enc"), os.path.join(folder, "data")
    with open(opened, "w") as file:
        file.write("id,f1\n1,2\n")
    theirs.util(
        "encrypt-file", "--source-file", opened, "--dest-file", sealed, "--data-key-b64", b64(data)
    )
    ours.util(
        "decrypt-file",
        "--source-file",
        sealed,
        "--dest-file",
        opened + ".again",
        "--data-key-b64",
        b64(data),
    )
    with open(opened + ".again") as file:
        equal(file.read(), "id,f1\n1,2\n", "opened file")


def signature_in(path):
    from ruamel.yaml import YAML

    with open(path) as file:
        return YAML(typ="safe").load(file)["vote_request_signature"]


# ---- Encrypted files --------------------------------------------------------------------------

SIZES = (0, 1, 8125, 8126, 8127, 16252, 16253, 100000)


def content(size):
    return bytes(zlib.crc32(b"%d" % n) & 255 for n in range(min(size, 1000))) * (size // 1000 + 1)


@suite.test
def encrypted_files_are_the_same_on_both_sides():
    from sdc.util import crypto

    folder = temporary_folder("files")
    for size in SIZES:
        for key_size in (16, 24, 32):
            key, text = os.urandom(key_size), content(size)[:size]
            path = os.path.join(folder, "%d-%d" % (size, key_size))
            with open(path, "wb") as file:
                file.write(text)
            ours = ("--data-key-b64", b64(key))
            # Ours to theirs.
            Ours().util("encrypt-file", "--source-file", path, "--dest-file", path + ".ours", *ours)
            crypto.decrypt_file(path + ".ours", path + ".theirs-opened", key)
            with open(path + ".theirs-opened", "rb") as file:
                equal(file.read(), text, "what the original opened (%s)" % path)
            # Theirs to ours; the original's empty file is one that it cannot open itself.
            crypto.encrypt_file(path, path + ".theirs", key)
            Ours().util(
                "decrypt-file",
                "--source-file",
                path + ".theirs",
                "--dest-file",
                path + ".ours-opened",
                *ours
            )
            with open(path + ".ours-opened", "rb") as file:
                equal(file.read(), text, "what capsa opened (%s)" % path)
            sizes = [os.path.getsize(path + end) for end in (".ours", ".theirs")]
            equal(sizes[0], sizes[1], "size of the encrypted file")


@suite.test
def encrypted_files_in_place():
    folder = temporary_folder("inplace")
    key = os.urandom(16)
    path = os.path.join(folder, "data")
    for sealer, opener in ((Original(), Ours()), (Ours(), Original())):
        with open(path, "wb") as file:
            file.write(content(20000)[:20000])
        sealer.util("encrypt-file-inplace", "--file", path, "--data-key-b64", b64(key))
        with open(path, "rb") as file:
            holds(file.read()[:4] == b"\x01\0\0\0", "the file is not encrypted")
        opener.util("decrypt-file-inplace", "--file", path, "--data-key-b64", b64(key))
        with open(path, "rb") as file:
            equal(file.read(), content(20000)[:20000], "opened file")
        equal(os.listdir(folder), ["data"], "files left")


@suite.test
def file_verbs_of_our_own_write_the_originals_format():
    from sdc.util import crypto

    folder = temporary_folder("sdc1")
    key = os.urandom(32)
    path, key_file = os.path.join(folder, "data"), os.path.join(folder, "data.key")
    with open(path, "wb") as file:
        file.write(content(50000)[:50000])
    with open(key_file, "w") as file:
        file.write(b64(key) + "\n")
    sdk._checked(
        [sdk.CAPSA, "file", "seal", "--format", "sdc1", "--data-key", key_file, path, path + ".enc"]
    )
    crypto.decrypt_file(path + ".enc", path + ".opened", key)
    with open(path + ".opened", "rb") as file:
        equal(file.read(), content(50000)[:50000], "what the original opened")
    crypto.encrypt_file(path, path + ".theirs", key)
    sdk._checked(
        [sdk.CAPSA, "file", "open", "--data-key", key_file, path + ".theirs", path + ".ours"]
    )
    with open(path + ".ours", "rb") as file:
        equal(file.read(), content(50000)[:50000], "what capsa opened")


@suite.test
def altered_files_are_refused_and_leave_nothing():
    from sdc.util import crypto

    folder = temporary_folder("altered")
    key = os.urandom(16)
    path = os.path.join(folder, "data")
    with open(path, "wb") as file:
        file.write(content(20000)[:20000])
    crypto.encrypt_file(path, path + ".enc", key)
    with open(path + ".enc", "rb") as file:
        good = file.read()
    for what, bad in {
        "cut": good[:-1],
        "cut at a block": good[: 20 + 8192],
        "one bit": good[:500] + bytes([good[500] ^ 1]) + good[501:],
        "bytes behind": good + b"x",
        "empty": b"",
        "half a header": good[:10],
        "version": b"\2" + good[1:],
        "count": good[:8] + b"\xff" * 8 + good[16:],
    }.items():
        with open(path + ".bad", "wb") as file:
            file.write(bad)
        sdk.fails(
            lambda: Ours().util(
                "decrypt-file",
                "--source-file",
                path + ".bad",
                "--dest-file",
                path + ".out",
                "--data-key-b64",
                b64(key),
            )
        )
        holds(not os.path.exists(path + ".out"), "a file is left after: " + what)


suite.main()
