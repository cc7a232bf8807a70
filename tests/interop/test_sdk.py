# SPDX-License-Identifier: Apache-2.0
"""Do the flows of the original SDK and its command lines run unmodified, and are our own command line's
files theirs?

The SDK comes from its registry (requirements.txt); without it everything here says skipped. Scenarios
1, 2, 6, 8, 13, 14 and 16 to 19 of the interoperation list, as far as the SDK's interface goes.
"""

import base64
import json
import os
import threading
import zlib

import parties
import protocol
from harness import Server, Suite, equal, holds, temporary_folder
from protocol import DENIED, EXISTS, NOT_FOUND, UNAUTHENTIC, b64, fresh, new_key, rule
from scene import PACKAGES, alice, bob, carol, owned, released, running
from tls import Tls

suite = Suite()
suite.needs(*PACKAGES, "sdc.capsule_manager_frame", "cli.cms", "cli.cms_util")
if suite.missing is None:
    import sdk
    from sdc.error import CapsuleManagerError
    from sdk import Ours, Original, of


def server():
    return running(suite).server


def client():
    return running(suite).client


def frame():
    return sdk.frame(server())


def refused(code, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except CapsuleManagerError as error:
        equal(error.code, code, "code (%s)" % error.message)
        return error.message
    raise AssertionError("the call succeeded")


def sdk_rule(rule_id, grantees, columns=("*",), ops=("*",)):
    return {"rule_id": rule_id, "grantee_party_ids": [g.id for g in grantees], "columns": list(columns),
            "global_constraints": None, "op_constraints": [{"op_name": op, "constraints": None} for op in ops]}


# ---- The messages -----------------------------------------------------------------------------


@suite.test
def our_messages_are_the_originals_on_the_wire():
    from secretflowapis.v2 import status_pb2
    from secretflowapis.v2.sdc import jwt_pb2, ual_pb2
    from secretflowapis.v2.sdc.capsule_manager import capsule_manager_pb2

    def flat(messages, prefix):
        for message in messages:
            yield prefix + message.name, message
            yield from flat(message.nested_type, prefix + message.name + ".")

    ours = {}
    for file in protocol.descriptors().file:
        ours.update(flat(file.message_type, file.package + "."))
    compared, missing = 0, []
    for module in (status_pb2, jwt_pb2, ual_pb2, capsule_manager_pb2):
        file = module.DESCRIPTOR
        for name, message in [(m.full_name, m) for m in file.message_types_by_name.values()]:
            stack = [(name, message)]
            while stack:
                name, message = stack.pop()
                stack += [(n.full_name, n) for n in message.nested_types if not n.GetOptions().map_entry]
                if name not in ours:
                    missing.append(name)
                    continue
                mine = {f.name: f for f in ours[name].field}
                for field in message.fields:
                    holds(field.name in mine, "%s.%s is missing" % (name, field.name))
                    got = mine[field.name]
                    equal((got.number, got.type, got.label), (field.number, field.type, field.label),
                          name + "." + field.name)
                    if name.endswith("EncryptedResponse"):
                        continue  # the SDK's generation of these files misnames one member
                    equal(got.json_name, field.json_name, "JSON name of %s.%s" % (name, field.name))
                    compared += 1
    # Nothing that the manager's methods take or give refers to these.
    unused = {"secretflowapis.v2.sdc." + name
              for name in ("UnifiedAttestationAuthReport", "HyperEnclaveReport", "KunpengReport")}
    equal(set(missing), unused, "messages that are missing")
    holds(compared > 80, "only %d fields were compared" % compared)


# ---- The SDK's own interface ------------------------------------------------------------------


@suite.test
def public_key_stays_the_same():
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    first = frame().get_public_key()
    equal(first, frame().get_public_key(), "a second key")
    holds(load_pem_public_key(first).key_size >= 2048, "the key is small")


@suite.test
def keys_are_registered_with_every_kind_of_chain():
    for party in (parties.plain("alice"), parties.plain("alice", "alice"), parties.under_root("leaf"),
                  parties.under_two("leaf"), parties.under_root("leaf", root="ec-root", root_kind="ec")):
        uuid, data = fresh(), new_key()
        frame().create_data_keys(party.id, [{"resource_uri": uuid, "data_key_b64": b64(data)}], **of(party))
        client().create_policy(party, uuid, [rule([carol()])]).ok()
        equal(client().got_keys(carol(), [uuid]), {uuid: data}, "keys")
    for party in (parties.plain("alice", days=(-5, -1)), parties.under_two("leaf", middle_ca=False)):
        try:
            frame().create_data_keys(party.id, [{"resource_uri": fresh(), "data_key_b64": b64(b"k")}], **of(party))
        except CapsuleManagerError as error:
            holds(error.code in (DENIED, UNAUTHENTIC), str(error))
        else:
            raise AssertionError("a bad chain was accepted")


@suite.test
def calls_without_certificates_are_refused():
    # The SDK's own unit test does this against its mock; the original manager refuses it, too.
    keys = [{"resource_uri": fresh(), "data_key_b64": b64(new_key())}]
    refused(UNAUTHENTIC, frame().create_data_keys, alice().id, keys, None, alice().key_pem.encode())
    # Without a private key the SDK makes up a party that is not the one it names.
    refused(UNAUTHENTIC, frame().create_data_keys, alice().id, keys)


@suite.test
def policies_go_through_their_whole_life():
    owner = parties.plain("sdk-owner")
    uuid = fresh()
    asked, who = frame(), of(parties.plain("sdk-owner"))
    asked.create_data_keys(owner.id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **who)
    asked.create_data_policy(owner.id, "default", uuid, [sdk_rule("one", [bob()], ["id"], ["psi"])], **who)
    listed = asked.get_data_policys(owner.id, "default", **who)
    equal([p.data_uuid for p in listed], [uuid], "policies")
    equal(listed[0].rules[0].rule_id, "one", "rule")
    equal(list(listed[0].rules[0].grantee_party_ids), [bob().id], "grantees")
    equal(listed[0].rules[0].op_constraints[0].op_name, "psi", "operation")
    asked.add_data_rule(owner.id, "default", uuid, sdk_rule("two", [carol()]), **who)
    refused(EXISTS, asked.add_data_rule, owner.id, "default", uuid, sdk_rule("two", [carol()]), **who)
    equal([r.rule_id for r in asked.get_data_policys(owner.id, "default", **who)[0].rules], ["one", "two"], "rules")
    asked.delete_data_rule(owner.id, "default", uuid, "one", **who)
    asked.delete_data_rule(owner.id, "default", uuid, "one", **who)
    equal([r.rule_id for r in asked.get_data_policys(owner.id, "default", **who)[0].rules], ["two"], "rules")
    equal(asked.get_data_policys(owner.id, "other", **who), [], "policies of another scope")
    asked.delete_data_policy(owner.id, "default", uuid, **who)
    equal(asked.get_data_policys(owner.id, "default", **who), [], "policies")


@suite.test
def text_of_every_script_survives():
    name = "数据 \U0001f512 \"quoted\" \\ späť"
    owner, uuid = parties.plain("sdk-unicode"), fresh(name)
    who = of(owner)
    frame().create_data_keys(owner.id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **who)
    frame().create_data_policy(owner.id, name, uuid, [sdk_rule(name, [bob()], [name], [name])], **who)
    listed = frame().get_data_policys(owner.id, name, **who)[0]
    equal((listed.data_uuid, listed.rules[0].rule_id, listed.rules[0].columns[0],
           listed.rules[0].op_constraints[0].op_name), (uuid, name, name, name), "listed policy")


@suite.test
def strangers_are_refused():
    uuid, mallory = fresh(), parties.plain("mallory")
    keys = [{"resource_uri": uuid, "data_key_b64": b64(new_key())}]
    frame().create_data_keys(alice().id, keys, **of(alice()))
    frame().create_data_policy(alice().id, "default", uuid, [sdk_rule("one", [bob()])], **of(alice()))
    who = of(mallory)
    refused(DENIED, frame().create_data_keys, mallory.id, keys, **who)
    refused(DENIED, frame().create_data_policy, mallory.id, "default", uuid, [sdk_rule("x", [mallory])], **who)
    refused(DENIED, frame().add_data_rule, mallory.id, "default", uuid, sdk_rule("x", [mallory]), **who)
    refused(DENIED, frame().delete_data_rule, mallory.id, "default", uuid, "one", **who)
    refused(DENIED, frame().delete_data_policy, mallory.id, "default", uuid, **who)
    refused(NOT_FOUND, frame().delete_data_key, mallory.id, uuid, **who)
    refused(UNAUTHENTIC, frame().delete_data_key, alice().id, uuid, **who)
    client().got_keys(bob(), [uuid])


@suite.test
def deleted_keys_are_gone():
    uuid = fresh()
    frame().create_data_keys(alice().id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **of(alice()))
    frame().delete_data_key(alice().id, uuid, **of(alice()))
    refused(NOT_FOUND, frame().delete_data_key, alice().id, uuid, **of(alice()))
    frame().create_data_keys(alice().id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **of(alice()))


@suite.test
def exports_work_by_the_sdk():
    uuid, data = owned(client(), alice())
    votes = json.dumps(protocol.vote_result(alice(), uuid))
    equal(frame().get_export_data_key_b64(alice().id, uuid, votes, **of(alice())), b64(data), "key")
    votes = json.dumps(protocol.vote_result(bob(), uuid))
    refused(DENIED, frame().get_export_data_key_b64, bob().id, uuid, votes, **of(bob()))


@suite.test
def certificates_are_registered():
    party = parties.under_root("sdk-cert", root="sdk-cert-root")
    pems = of(party)["cert_pems"]
    frame().register_cert(party.id, pems, "RSA", party.key_pem.encode())
    frame().register_cert(party.id, pems, "RSA", party.key_pem.encode())
    other = parties.under_root("sdk-cert", root="sdk-cert-root")
    refused(EXISTS, frame().register_cert, party.id, of(other)["cert_pems"], "RSA", party.key_pem.encode())
    refused(UNAUTHENTIC, frame().register_cert, bob().id, of(carol())["cert_pems"], "RSA", carol().key_pem.encode())


@suite.test
def thirty_two_sdk_clients_work_at_once():
    failures, stems = [], [fresh("crowd") for _ in range(32)]
    owners = [parties.plain("crowd %d" % (number % 8)) for number in range(32)]

    def work(stem, owner):
        try:
            # Loading a key from text is slow in Python, so they bring it as it is.
            asked, who = sdk.frame(server()), {**of(owner), "private_key": owner.key}
            for turn in range(3):
                uuid, data = "%s-%d" % (stem, turn), os.urandom(16)
                asked.create_data_keys(owner.id, [{"resource_uri": uuid, "data_key_b64": b64(data)}], **who)
                asked.create_data_policy(owner.id, stem, uuid, [sdk_rule("one", [owner])], **who)
                asked.add_data_rule(owner.id, stem, uuid, sdk_rule("two", [bob()]), **who)
                rules = {p.data_uuid: [r.rule_id for r in p.rules]
                         for p in asked.get_data_policys(owner.id, stem, **who)}
                equal(rules[uuid], ["one", "two"], "rules")
                votes = json.dumps(protocol.vote_result(owner, uuid))
                equal(asked.get_export_data_key_b64(owner.id, uuid, votes, **who), b64(data), "key")
                if turn == 1:
                    asked.delete_data_policy(owner.id, stem, uuid, **who)
                    asked.delete_data_key(owner.id, uuid, **who)
        except Exception as error:
            failures.append("%s: %r" % (stem, error))

    threads = [threading.Thread(target=work, args=pair) for pair in zip(stems, owners)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [], "failures")


# ---- TLS --------------------------------------------------------------------------------------


@suite.test
def sdk_speaks_mutual_tls():
    tls = Tls()
    with Server(**tls.flags()) as secure:
        equal(secure.tls, "mutual", "tls")
        asked = sdk.frame(secure, tls.files())
        uuid = fresh()
        asked.create_data_keys(alice().id, [{"resource_uri": uuid, "data_key_b64": b64(new_key())}], **of(alice()))
        key_file, cert_files = alice().write(tls.folder, "alice")
        path = sdk.write_yaml(tls.path("cms.yaml"), sdk.config(
            secure.target, alice(), key_file, cert_files, delete_data_key={"resource_uri": uuid},
            tls=(tls.path("ca/root.crt"), tls.path("client.key"), tls.path("client.crt"))))
        Original().cms(path, "delete-data-key")
        sdk.fails(lambda: Original().cms(path, "delete-data-key"), "error code: 5")
        for wrong in (None, (parties.pem_of(tls.root).encode(), parties.plain("other").key_pem.encode(),
                             parties.plain("other").pem.encode())):
            try:
                sdk.frame(secure, wrong).stub.GetRaCert(protocol_request(), timeout=60)
            except Exception as error:
                equal(error.code().name, "UNAVAILABLE", "status without a good certificate")
            else:
                raise AssertionError("a client without a good certificate was served")


def protocol_request():
    from secretflowapis.v2.sdc.capsule_manager import capsule_manager_pb2
    return capsule_manager_pb2.GetRaCertRequest()


# ---- The command line cms ---------------------------------------------------------------------


def sections(uuid, data):
    return {
        "register_data_keys": {"data_keys": [{"resource_uri": uuid, "data_key_b64": b64(data)},
                                             {"resource_uri": uuid + "/part/1", "data_key_b64": b64(data)}]},
        "register_data_policy": {"scope": "default", "data_uuid": uuid, "rules": [
            {"rule_id": "one", "grantee_party_ids": [bob().id], "columns": ["id", "it's"],
             "global_constraints": ['r.op_name != "dump"'],
             "op_constraints": [{"op_name": "psi", "constraints": []},
                                {"op_name": "*", "constraints": ['r.scope == "default"']}]}]},
        "get_data_policys": {"scope": "default"},
        "delete_data_policy": {"scope": "default", "data_uuid": uuid},
        "add_data_rule": {"scope": "default", "data_uuid": uuid, "rule": {
            "rule_id": "two", "grantee_party_ids": [carol().id], "columns": ["*"], "global_constraints": None,
            "op_constraints": [{"op_name": "*", "constraints": None}]}},
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
        written = sdk.config(server().target, owner, *owner.write(folder, "owner"), **sections(uuid, data))
        sdk.write_yaml(path, written)
        seen = [tool.cms(path, "get-public-key")]
        for verb in ("register-cert", "register-data-keys", "register-data-policy"):
            equal(tool.cms(path, verb), "", "output of " + verb)
        seen.append(tool.cms(path, "get-data-policys"))
        equal(client().got_keys(bob(), {uuid: ["id", "it's"], uuid + "/part/1": ["id"]}),
              {uuid: data, uuid + "/part/1": data}, "keys")
        equal(tool.cms(path, "add-data-rule"), "", "output of add-data-rule")
        client().got_keys(carol(), [uuid])
        equal(tool.cms(path, "delete-data-rule"), "", "output of delete-data-rule")
        client().get_keys(bob(), {uuid: ["id"]}).is_refused(DENIED)
        equal(tool.cms(path, "delete-data-key"), "", "output of delete-data-key")
        sdk.fails(lambda: tool.cms(path, "delete-data-key"))
        votes = os.path.join(folder, "votes.json")
        with open(votes, "w") as file:
            json.dump(protocol.vote_result(owner, uuid), file)
        written["get_export_data_key_b64"] = {"resource_uri": uuid, "data_export_certificate_file": votes}
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
    for name, party in (("self", alice()), ("two", parties.under_two("leaf")),
                        ("ec", parties.under_root("leaf", root="ec-root", root_kind="ec"))):
        files = party.write(folder, name)[1]
        arguments = [word for file in files for word in ("--cert-file", file)]
        for tool in (Original(), Ours()):
            equal(tool.util("generate-party-id", *arguments).strip(), party.id, "party id by " + tool.name)


@suite.test
def generated_keys_are_usable_by_the_other_side():
    folder = temporary_folder("generated")
    for maker, user in ((Original(), Ours()), (Ours(), Original())):
        key_file, cert_file = (os.path.join(folder, maker.name + end) for end in (".key", ".crt"))
        maker.util("generate-rsa-keypair", "--private-key-file", key_file, "--cert-file", cert_file)
        party_id = user.util("generate-party-id", "--cert-file", cert_file).strip()
        equal(maker.util("generate-party-id", "--cert-file", cert_file).strip(), party_id, "party id")
        uuid = fresh()
        path = sdk.write_yaml(os.path.join(folder, maker.name + ".yaml"), {
            **sdk.config(server().target, alice(), key_file, [cert_file], **sections(uuid, new_key())),
            "common": {"party_id": party_id, "cert_pems_file": [cert_file], "scheme": "RSA",
                       "private_key_file": key_file}})
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
    for number, (signer, caster, counter, asker) in enumerate((
            (theirs, theirs, theirs, theirs), (ours, ours, ours, ours), (theirs, ours, theirs, ours),
            (ours, theirs, ours, theirs), (theirs, theirs, ours, ours), (ours, ours, theirs, theirs))):
        def at(name):
            return os.path.join(folder, "%d-%s" % (number, name))

        request = sdk.write_yaml(at("request.yaml"), {"vote_request": {
            "type": "TEE_DOWNLOAD", "approved_threshold": 1, "approved_action": "tee/download," + result,
            "cert_chain_file": cert_files, "private_key_file": key_file}})
        signer.util("sign-vote-request", "--vote-request-file", request, "--signed-vote-request-file",
                    at("signed-request.yaml"))
        signature = signature_in(at("signed-request.yaml"))
        ballot = sdk.write_yaml(at("voter.yaml"), {
            "vote_request_signature": signature, "action": "APPROVE", "cert_chain_file": voter_certs,
            "private_key_file": voter_key})
        caster.util("voter-sign", "--voter-file", ballot, "--signed-voter-file", at("signed-voter.yaml"))
        counter.util("generate-vote-result", "--signed-vote-request-file", at("signed-request.yaml"),
                     "--signed-voter-files", at("signed-voter.yaml"), "--vote-result-file", at("result.json"))
        path = sdk.write_yaml(at("cms.yaml"), sdk.config(
            server().target, alice(), key_file, cert_files,
            get_export_data_key_b64={"resource_uri": result, "data_export_certificate_file": at("result.json")}))
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
    theirs.util("encrypt-file", "--source-file", opened, "--dest-file", sealed, "--data-key-b64", b64(data))
    ours.util("decrypt-file", "--source-file", sealed, "--dest-file", opened + ".again", "--data-key-b64", b64(data))
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
            Ours().util("decrypt-file", "--source-file", path + ".theirs", "--dest-file", path + ".ours-opened", *ours)
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
    sdk._checked([sdk.CAPSA, "file", "seal", "--format", "sdc1", "--data-key", key_file, path, path + ".enc"])
    crypto.decrypt_file(path + ".enc", path + ".opened", key)
    with open(path + ".opened", "rb") as file:
        equal(file.read(), content(50000)[:50000], "what the original opened")
    crypto.encrypt_file(path, path + ".theirs", key)
    sdk._checked([sdk.CAPSA, "file", "open", "--data-key", key_file, path + ".theirs", path + ".ours"])
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
    for what, bad in {"cut": good[:-1], "cut at a block": good[:20 + 8192], "one bit": good[:500] + bytes([good[500] ^ 1]) + good[501:],
                      "bytes behind": good + b"x", "empty": b"", "half a header": good[:10], "version": b"\2" + good[1:],
                      "count": good[:8] + b"\xff" * 8 + good[16:]}.items():
        with open(path + ".bad", "wb") as file:
            file.write(bad)
        sdk.fails(lambda: Ours().util("decrypt-file", "--source-file", path + ".bad", "--dest-file", path + ".out",
                                      "--data-key-b64", b64(key)))
        holds(not os.path.exists(path + ".out"), "a file is left after: " + what)


suite.main()
