#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command capsa as people use it: offline, and against a running capsad.
CAPSA_BIN is the folder of both programs; CAPSA_VECTORS that of recorded vectors (skipped without).
Ends with a line "N passed, N failed, N skipped"."""
import base64
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import BIN, ROOT, Skip, Suite, VECTORS as RECORDED

VECTORS = f"{RECORDED}/capsule-manager"
KEY16 = base64.b64encode(bytes(range(16))).decode()
suite = Suite(own_folder=True)
test = suite.test


def environment():
    """The command remembers which managers it met: not those of other tests, whose ports come round."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("CAPSA_")}
    return {**own, "XDG_CONFIG_HOME": os.getcwd() + ".config"}


def capsa(*args, status=0, env=None, stdin=b""):
    """Run it; the exit status is checked; a failure is one line on standard error."""
    done = subprocess.run([f"{BIN}/capsa", *args], capture_output=True, input=stdin, timeout=60,
                          env={**environment(), **(env or {})})
    out, err = done.stdout, done.stderr.decode()
    assert done.returncode == status, f"{args}: status {done.returncode}, not {status}: {out!r} {err}"
    if status != 0 and not out.startswith(b"error:") and "policy" != args[0]:
        lines = [line for line in err.splitlines() if not line.startswith("capsa: warning: ")]
        assert len(lines) == 1 and lines[0].startswith("capsa: "), f"{args}: {err}"
    done.text = out.decode(errors="replace")
    done.err = err
    return done


def write(path, content):
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def versions(listed):
    return [int(number) for number in re.findall(r"^ +version: (\d+)$", listed, re.M)]


def without_versions(listed):
    return re.sub(r"^ +version: \d+\n", "", listed, flags=re.M)


def mode(path):
    return oct(os.stat(path).st_mode & 0o777)


def need_vectors():
    if not os.path.isdir(VECTORS):
        raise Skip("no recorded vectors")


# ---- help and wrong use ---------------------------------------------------------------------------

@test
def help_and_reference():
    everything = capsa("help").text
    assert capsa("--help").text == everything and capsa("-h").text == everything
    bare = subprocess.run([f"{BIN}/capsa"], capture_output=True)
    assert bare.returncode == 1 and bare.stdout == b"" and bare.stderr.decode() == everything
    nouns = re.findall(r"^  (\w+)  +\w", everything, re.M)
    nouns = [n for n in nouns if n not in ("capsa",)]
    assert {"party", "key", "policy", "rule", "result", "vote", "file", "store", "cms", "cms_util"} <= set(nouns)
    for noun in nouns:
        assert capsa("help", noun).text == capsa(noun, "--help").text
    assert "--columns A,B" in capsa("key", "get", "--help").text
    assert capsa("help", "key", "get").text == capsa("key", "get", "-h").text
    assert capsa("version").text == capsa("--version").text
    assert json.loads(capsa("version", "-o", "json").text)["version"] in capsa("version").text
    page = read(f"{ROOT}/docs/reference/cli.md").decode()
    assert page == capsa("--print-reference").text, "docs/reference/cli.md: capsa --print-reference > it"
    assert "grpc_message" in capsa("config", "limits").text


@test
def wrong_use_is_one_clear_line():
    write("data.key", KEY16)
    write("not.key", "hello")
    write("bad.yaml", "a: [1\n")
    write("list.yaml", "- a\n")
    cases = [
        (["kye", "get"], 'did you mean "key"'),
        (["help", "kye"], "kye"),
        (["key", "regster"], 'did you mean "register"'),
        (["party", "new"], "--name NAME is needed"),
        (["party", "new", "--name", "a/b"], "not a path"),
        (["party", "new", "--name", "x", "--dir", "/nonexistent"], "/nonexistent", 5),
        (["party", "id"], "who is it?"),
        (["policy", "list", "--as", "bobo"], "capsa party new --name bobo"),
        (["file", "seal", "data.key", "b", "--data-key", f"{BIN}/capsa"], "no data key: it is far too large"),
        (["party", "id", "nonexistent.crt"], "nonexistent.crt", 5),
        (["party", "id", "data.key"], "no PEM certificate"),
        (["key", "new"], "--out FILE is needed"),
        (["key", "new", "--out", "k", "--bits", "100"], "128, 192 or 256"),
        (["key", "new", "--out", "data.key"], "exists already; --force"),
        (["key", "register", "u"], "every URI wants a --data-key"),
        (["key", "register"], "what is to be registered"),
        (["key", "register", "u", "--data-key", "not.key"], "not.key is no data key"),
        (["key", "get", "u", "--op", "x"], "--out FILE|DIR is needed"),
        (["key", "get", "--op", "x", "--out", "o", "--as", "nobody"], "nobody.crt"),
        (["tls", "get", "--uri", "u", "--op", "x", "--cert-out", "c"], "--key-out FILE is needed"),
        (["tls", "get", "u", "--cert-out", "c", "--key-out", "k"], "no further word"),
        (["key", "export", "u", "--out", "o"], "--votes FILE is needed"),
        (["key", "delete"], "capsa key delete URI..."),
        (["policy", "put", "bad.yaml"], "bad.yaml"),
        (["policy", "put", "list.yaml"], "an object with data_uuid and rules"),
        (["policy", "eval", "true"], "--request R.json is needed"),
        (["policy", "lint"], "capsa policy lint FILE"),
        (["rule", "add", "u"], "--id RULE_ID"),
        (["rule", "add", "u", "--id", "r"], "which columns?"),
        (["rule", "add", "u", "--id", "r", "--columns", "a"], "whom does the rule let in"),
        (["rule", "add", "u", "--id", "r", "--columns", "a", "--grantee", "g"], "what for?"),
        (["rule", "delete", "u"], "capsa rule delete UUID RULE_ID"),
        (["result", "register", "u", "--data-key", "data.key"], "--ancestor UUID is needed"),
        (["vote", "request", "u", "--out", "r"], "who is it?"),
        (["vote", "cast", "r", "--out", "v"], "either --approve or --reject"),
        (["vote", "cast", "r", "--out", "v", "--approve", "--reject"], "either --approve or --reject"),
        (["vote", "show", "bad.yaml"], "bad.yaml"),
        (["file", "seal", "data.key"], "capsa file seal SRC DST"),
        (["file", "seal", "a", "b", "--data-key", "not.key"], "not.key is no data key"),
        (["file", "seal", "nonexistent", "b", "--data-key", "data.key"], "nonexistent", 5),
        (["file", "seal", "data.key", "b", "--data-key", "data.key", "--format", "zip"], "zip"),
        (["store", "backup", "--to", "f"], "which store?"),
        (["store", "backup", "--data-dir", "nonexistent", "--to", "f"], "nonexistent", None),
        (["store", "backup", "--store", "postgres:x", "--to", "f"], "sqlite"),
        (["manager", "show", "--host", "nonsense"], "nonsense"),
        (["manager", "show", "--host", "127.0.0.1:1"], "127.0.0.1:1", 5),
        (["manager", "show", "--timeout", "0"], "--timeout is a whole number"),
        (["manager", "show", "--tls-key", "k"], "given together"),
        (["manager", "show", "--root-ca", "data.key"], "data.key"),
        (["cms", "get-public-key"], "cli.yaml", 5),
        (["cms", "--config-file", "bad.yaml", "get-public-key"], "bad.yaml"),
        (["cms", "get-data-policys", "-o", "json"], "no -o json"),
        (["cms_util", "encrypt-file", "--source-file", "data.key"], "the data key is wanted once"),
        (["cms_util", "encrypt-file", "--source-file", "data.key", "--data-key-b64", "AAAA"], "16, 24 or 32"),
        (["cms_util", "encrypt-file", "--source-file", "data.key", "--data-key-b64", "@"], "--data-key-b64"),
    ]
    for args, said, *status in cases:
        wanted = status[0] if status else 1
        if wanted is None:
            done = subprocess.run([f"{BIN}/capsa", *args], capture_output=True, env=environment())
            assert done.returncode != 0 and said in done.stderr.decode(), (args, done.stderr)
            continue
        if args[0] == "policy":
            done = subprocess.run([f"{BIN}/capsa", *args], capture_output=True, env=environment())
            assert done.returncode == wanted and done.stderr.decode().count("\n") == 1, (args, done)
            assert said in done.stderr.decode(), (args, done.stderr)
            continue
        err = capsa(*args, status=wanted).err
        assert said in err, (args, err)
    capsa("party", "new", "--name", "crt_only")
    os.unlink("crt_only.key")
    assert capsa("party", "id", "--as", "crt_only").text == capsa("party", "id", "crt_only.crt").text
    os.unlink("crt_only.crt")
    assert sorted(os.listdir(".")) == ["bad.yaml", "data.key", "list.yaml", "not.key"]


@test
def errors_for_programs():
    done = capsa("key", "new", "-o", "json", status=1)
    error = json.loads(done.text)["error"]
    assert error["code"] == "USAGE" and "--out" in error["message"]


@test
def json_and_content_do_not_share_standard_output():
    write("k", KEY16)
    write("f", "x")
    for args in (["key", "new", "--out", "-"], ["file", "seal", "f", "-", "--data-key", "k"]):
        assert "cannot both" in capsa(*args, "-o", "json", status=1).err


@test
def full_output_is_an_error():
    with open("/dev/full", "w") as full:
        done = subprocess.run([f"{BIN}/capsa", "config", "limits"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 5 and b"standard output" in done.stderr


# ---- policies -------------------------------------------------------------------------------------

R = {"resource_uri": "d1", "initiator_party_id": "P1", "scope": "default", "op_name": "xgb", "attrs": "",
     "columns": ["f1", "f2"]}


@test
def eval_has_three_outcomes():
    write("r.json", json.dumps(R))
    for expression, out, status in [
        ('r.op_name == "xgb"', "true\n", 0),
        ('r.op_name == "psi"', "false\n", 2),
        ("-1 < 0", "true\n", 0),
        ("- 1 == 1", "false\n", 2),
        ("1 / 0 == 1", "error:", 1),
        ("r.op_name = 1", "error:", 1),
        ("1", "error:", 1),
        ("", "error:", 1),
    ]:
        for form in ([expression], ["--", expression]):
            done = capsa("policy", "eval", "--request", "r.json", *form, status=status)
            assert done.text == out or (out == "error:" and done.text.startswith("error: ")), (expression, done.text)
            assert done.text.count("\n") == 1 and done.err == ""
    assert json.loads(capsa("policy", "eval", "-o", "json", "--request", "r.json", "true").text) == {"result": True}
    assert capsa("policy", "eval", "--request", "missing.json", "true", status=1).text.startswith("error: ")
    write("bad.json", "{")
    assert capsa("policy", "eval", "--request", "bad.json", "true", status=1).text.startswith("error: ")
    write("null.json", '{"x": null}')
    assert capsa("policy", "eval", "--request", "null.json", "true", status=1).text.startswith("error: ")


@test
def eval_agrees_with_the_recorded_outcomes():
    need_vectors()
    lines = read(f"{VECTORS}/constraints.txt").decode().splitlines()
    write("r.json", re.search(r"r = (\{.*\})", lines[0]).group(1))
    count = 0
    for line in lines[1:]:
        match = re.match(r"(.*?\S)\s+=> (true|false)$", line)
        if not match or match.group(1).startswith('"f'):
            continue
        done = subprocess.run([f"{BIN}/capsa", "policy", "eval", "--request", "r.json", "--", match.group(1)],
                              capture_output=True, text=True)
        assert done.stdout.strip() == match.group(2) or done.stdout.startswith("error: "), line
        count += done.stdout.strip() == match.group(2)
    assert count > 100, count


@test
def lint_finds_and_counts():
    good = {"data_uuid": "u", "rules": [{"rule_id": "a", "grantee_party_ids": ["P"], "columns": ["c"],
            "op_constraints": [{"op_name": "psi"}],
            "global_constraints": ['r.env.tee.sgx.mr_enclave == "%s"' % ("ab" * 32)]}]}
    write("good.json", json.dumps(good))
    assert "0 errors, 0 warnings" in capsa("policy", "lint", "good.json").text
    write("good.yaml", json.dumps({"register_data_policy": {**good, "scope": None}}).replace("null", ""))
    write("request.json", json.dumps({"owner_party_id": "x", "scope": "s", "policy": good}))
    assert "0 errors" in capsa("policy", "lint", "request.json").text
    good["rules"][0]["global_constraints"] = ["r.op_name = 1"]
    write("bad.json", json.dumps(good))
    done = capsa("policy", "lint", "bad.json", status=1)
    assert "error: rule 1" in done.text and "column" in done.text and "1 error," in done.text
    findings = json.loads(capsa("policy", "lint", "bad.json", "-o", "json", status=1).text)["findings"]
    assert any(f["level"] == "error" for f in findings)
    good["rules"][0]["colums"] = ["c"]
    write("typo.json", json.dumps(good))
    assert "colums" in capsa("policy", "lint", "typo.json", status=1).err


# ---- files ----------------------------------------------------------------------------------------

@test
def files_of_every_size_come_back():
    capsa("key", "new", "--out", "k")
    assert mode("k") == "0o600" and len(base64.b64decode(read("k"))) == 32
    for size in (0, 1, 8125, 8126, 8127, 16252, 16253, 262144, 262145, 1000000):
        data = os.urandom(size)
        write("plain", data)
        for form in ("capsa", "sdc1"):
            capsa("file", "seal", "plain", "sealed", "--data-key", "k", "--format", form, "--force")
            capsa("file", "open", "sealed", "back", "--data-key", "k", "--force")
            assert read("back") == data, (size, form)
            info = json.loads(capsa("file", "show", "sealed", "-o", "json").text)
            assert info["format"] == form and info["plain_size"] == size


@test
def altered_files_leave_nothing_behind():
    capsa("key", "new", "--out", "k")
    capsa("key", "new", "--out", "other")
    write("plain", os.urandom(600000))
    capsa("file", "seal", "plain", "sealed", "--data-key", "k", "--resource", "u1")
    sealed = bytearray(read("sealed"))
    sealed[400000] ^= 1
    write("altered", bytes(sealed))
    write("cut", read("sealed")[:300000])
    for name, key in (("altered", "k"), ("cut", "k"), ("sealed", "other")):
        done = subprocess.run([f"{BIN}/capsa", "file", "open", name, "out", "--data-key", key], capture_output=True)
        assert done.returncode in (1, 2) and done.stderr.count(b"\n") == 1, (name, done)
        assert not os.path.exists("out") and not [f for f in os.listdir(".") if f.startswith("out")]
    capsa("file", "open", "sealed", "out", "--data-key", "k", "--resource", "u2", status=2)
    assert not os.path.exists("out")
    capsa("file", "open", "sealed", "out", "--data-key", "k", "--resource", "u1")
    assert "exists already" in capsa("file", "open", "sealed", "out", "--data-key", "k", status=1).err


@test
def files_go_through_pipes():
    capsa("key", "new", "--out", "k")
    data = os.urandom(700000)
    sealed = capsa("file", "seal", "-", "-", "--data-key", "k", stdin=data).stdout
    assert capsa("file", "open", "-", "-", "--data-key", "k", stdin=sealed).stdout == data
    write("plain", data)
    assert capsa("file", "seal", "plain", "s", "--data-key", "-", stdin=read("k")).err == ""
    capsa("file", "open", "s", "p", "--data-key", "k")
    assert read("p") == data


# ---- cms_util -------------------------------------------------------------------------------------

@test
def util_makes_keys_and_ids():
    capsa("cms_util", "generate-rsa-keypair", "--private-key-file", "a.key", "--cert-file", "a.crt")
    assert mode("a.key") == "0o600"
    text = subprocess.run(["openssl", "x509", "-in", "a.crt", "-noout", "-text"], capture_output=True, text=True).stdout
    assert "CN = capsule-manager" in text and "(3072 bit)" in text
    assert subprocess.run(["openssl", "rsa", "-in", "a.key", "-check", "-noout"], capture_output=True).returncode == 0
    assert read("a.key").startswith(b"-----BEGIN PRIVATE KEY-----")
    capsa("cms_util", "generate-rsa-keypair", "--private-key-file", "a.key", "--cert-file", "a.crt", status=1)
    capsa("cms_util", "generate-rsa-keypair", "--private-key-file", "b.key", "--cert-file", "b.crt")
    party = capsa("cms-util", "generate-party-id", "--cert-file", "a.crt", "--cert-file", "b.crt").text
    assert party == capsa("party", "id", "b.crt").text and len(party) == 53
    spki = subprocess.run("openssl x509 -in b.crt -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary",
                          shell=True, capture_output=True).stdout
    assert base64.b32encode(spki).decode().rstrip("=") == party.strip()
    for bits in (128, 192, 256):
        assert len(base64.b64decode(capsa("cms_util", "generate-data-key-b64", "--bit-len", str(bits)).text)) == bits // 8
    assert len(base64.b64decode(capsa("cms_util", "generate-data-key-b64").text)) == 16


@test
def util_reads_the_originals_file_and_ids():
    need_vectors()
    capsa("cms_util", "decrypt-file", "--source-file", f"{VECTORS}/hello.enc", "--dest-file", "hello",
          "--data-key-b64", KEY16)
    assert read("hello") == b"hello capsule\n"
    owner = json.loads(read(f"{VECTORS}/CreateDataKeys.payload.json"))["owner_party_id"]
    assert capsa("party", "id", f"{VECTORS}/alice.crt").text.strip() == owner


@test
def util_files_default_names_and_in_place():
    data = os.urandom(20000)
    write("f", data)
    write("key", KEY16)
    capsa("cms_util", "encrypt-file", "--source-file", "f", "--data-key-b64", KEY16)
    assert read("f.enc")[:20] == bytes([1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0])
    capsa("cms_util", "decrypt-file", "--source-file", "f.enc", "--data-key-file", "key")
    assert read("f.enc.dec") == data
    capsa("cms_util", "encrypt-file-inplace", "--file", "f", "--data-key-b64", KEY16)
    assert read("f") != data
    wrong = base64.b64encode(bytes(16)).decode()
    before = read("f")
    capsa("cms_util", "decrypt-file-inplace", "--file", "f", "--data-key-b64", wrong, status=2)
    assert read("f") == before
    capsa("cms_util", "decrypt-file-inplace", "--file", "f", "--data-key-b64", KEY16)
    assert read("f") == data
    write("empty", b"")
    capsa("cms_util", "encrypt-file", "--source-file", "empty", "--data-key-b64", KEY16)
    assert read("empty.enc")[8] == 1, "an empty file is one empty block, counted"
    assert sorted(os.listdir(".")) == ["empty", "empty.enc", "f", "f.enc", "f.enc.dec", "key"]


def make_party(name):
    capsa("party", "new", "--name", name)


VOTE_REQUEST = """# as people write it
vote_request:
  type: TEE_DOWNLOAD
  approved_threshold: 1
  approved_action: tee/download,model_uuid
  cert_chain_file:
    -
      alice.crt
  private_key_file: "alice.key"
"""


def openssl_verify(cert, message, signature):
    write("v.sig", base64.b64decode(signature))
    write("v.msg", message)
    subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey", "-out", "v.pub"], check=True)
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", "v.pub", "-signature", "v.sig", "v.msg"], capture_output=True)
    assert done.returncode == 0, done


@test
def util_votes_offline():
    make_party("alice")
    make_party("bob")
    write("request.yaml", VOTE_REQUEST)
    capsa("cms_util", "sign-vote-request", "--vote-request-file", "request.yaml", "--signed-vote-request-file", "signed.yaml")
    shown = capsa("vote", "show", "signed.yaml").text
    assert "model_uuid" in shown and capsa("party", "id", "alice.crt").text.strip() in shown
    signature = re.search(r"vote_request_signature:.*?\n? *([A-Za-z0-9+/=]{100,})", read("signed.yaml").decode()).group(1)
    write("voter.yaml", f"vote_request_signature: {signature}\naction: APPROVE\ncert_chain_file: [bob.crt]\nprivate_key_file: bob.key\n")
    capsa("cms_util", "voter-sign", "--voter-file", "voter.yaml", "--signed-voter-file", "vote.yaml")
    capsa("cms_util", "generate-vote-result", "--signed-vote-request-file", "signed.yaml",
          "--signed-voter-files", "vote.yaml", "--vote-result-file", "result.json")
    result = json.loads(read("result.json"))
    request, invite = result["vote_request"], result["vote_invite"][0]
    assert base64.b64decode(request["body"]) == (b'{"type": "TEE_DOWNLOAD", "approved_threshold": 1, '
                                                 b'"approved_action": "tee/download,model_uuid"}')
    assert base64.b64decode(invite["body"]) == b'{"action": "APPROVE"}'
    assert request["cert_chain"][0].strip().encode() == read("alice.crt").strip()
    openssl_verify("alice.crt", request["body"], request["vote_request_signature"])
    openssl_verify("bob.crt", invite["body"] + request["vote_request_signature"], invite["voter_signature"])
    # the documents as other YAML writers lay them out
    pem = request["cert_chain"][0]
    quoted = json.dumps(pem)
    folded = "'" + pem.replace("\n", "\n\n    ") + "'"
    for form in (quoted, folded):
        write("other.yaml", f"cert_chain:\n- {form}\nbody: {request['body']}\n"
                            f"vote_request_signature: {request['vote_request_signature']}\n")
        assert capsa("vote", "show", "other.yaml").text == shown
    # plain verbs make the same documents
    capsa("vote", "cast", "signed.yaml", "--approve", "--as", "bob", "--out", "vote2.yaml")
    capsa("vote", "result", "signed.yaml", "vote2.yaml", "--out", "result2.json")
    assert json.loads(read("result2.json")) == result
    # what will be refused is said
    write("voter.yaml", f"vote_request_signature: AAAA\naction: APPROVE\ncert_chain_file: bob.crt\nprivate_key_file: bob.key\n")
    capsa("cms_util", "voter-sign", "--voter-file", "voter.yaml", "--signed-voter-file", "stray.yaml")
    done = capsa("cms_util", "generate-vote-result", "--signed-vote-request-file", "signed.yaml",
                 "--signed-voter-files", "stray.yaml", "--vote-result-file", "result3.json")
    assert "stray.yaml" in done.err and "will refuse" in done.err
    assert "stray.yaml" in capsa("vote", "result", "signed.yaml", "stray.yaml", "--out", "r4.json", status=2).err


@test
def config_edits_keep_comments():
    write("c.yaml", "# top\nhost: a # here\ncommon:\n  # who\n  party_id:\n  cert_pems_file:\n    -\n      x.crt\n  scheme: RSA\n")
    os.chmod("c.yaml", 0o640)
    capsa("cms_config", "--config-file", "c.yaml", "init", "--host", "h:1", "--tee-plat", "")
    capsa("cms_config", "--config-file", "c.yaml", "common", "--cert-pems-file", "l.crt", "--cert-pems-file", "r.crt", "--party-id", "P")
    capsa("cms-config", "add-data-rule", "--config-file", "c.yaml", "--rule-id", "r1")
    assert read("c.yaml").decode() == ("# top\nhost: h:1 # here\ncommon:\n  # who\n  party_id: P\n  cert_pems_file:\n"
                                       "    - l.crt\n    - r.crt\n  scheme: RSA\nadd_data_rule:\n  rule:\n    rule_id: r1\n"), read("c.yaml")
    assert mode("c.yaml") == "0o640"
    capsa("cms_config", "--config-file", "new.yaml", "init", "--host", "h:2")
    assert mode("new.yaml") == "0o600" and b"h:2" in read("new.yaml")


# ---- where output goes ----------------------------------------------------------------------------

@test
def output_follows_links_and_spares_devices():
    capsa("key", "new", "--out", "k")
    write("real", "old")
    os.symlink("real", "link")
    capsa("key", "new", "--out", "link", "--force")
    assert os.path.islink("link") and len(read("real")) == 45
    if os.geteuid() == 0:
        os.mknod("null", 0o20666, os.makedev(1, 3))
    else:
        os.symlink("/dev/null", "null")
    capsa("key", "new", "--out", "null", "--force")
    capsa("key", "new", "--out", "null")
    assert stat.S_ISCHR(os.stat("null").st_mode)
    assert "not a regular file" in capsa("file", "seal", "real", "null", "--data-key", "k", "--force", status=5).err
    assert len(capsa("key", "new", "--out", "/dev/stdout").text.splitlines()[0]) == 44
    os.symlink("nowhere", "dangling")
    assert "link to nothing" in capsa("key", "new", "--out", "dangling", "--force", status=5).err
    os.mkdir("folder")
    assert "is a folder" in capsa("file", "seal", "real", "folder", "--data-key", "k", status=5).err
    assert "there is no folder nope" in capsa("key", "new", "--out", "nope/k", status=5).err
    write("real.yaml", "host: a\n")
    os.symlink("real.yaml", "c.yaml")
    capsa("cms_config", "--config-file", "c.yaml", "init", "--host", "h:1")
    assert os.path.islink("c.yaml") and read("real.yaml") == b"host: h:1\n"
    name = "n" * 250
    capsa("key", "new", "--out", name)
    assert len(read(name)) == 45 and not [f for f in os.listdir(".") if ".part-" in f]


@test
def a_key_is_not_its_own_destination():
    capsa("key", "new", "--out", "k")
    make_party("alice")
    before, party = read("k"), read("alice.key")
    write("f", "data")
    os.link("k", "other-name")
    for to in ("k", "other-name"):
        assert "it would be lost" in capsa("file", "seal", "f", to, "--data-key", "k", "--force", status=1).err
    assert "it would be lost" in capsa("cms_util", "encrypt-file", "--source-file", "f", "--dest-file", "k",
                                       "--data-key-file", "k", status=1).err
    assert "it would be lost" in capsa("vote", "request", "u", "--as", "alice", "--original", "--out", "alice.key", "--force", status=1).err
    assert read("k") == before and read("alice.key") == party
    os.chmod("alice.key", 0o644)
    assert "alice.key is a private key with mode 0644" in capsa("vote", "request", "u", "--as", "alice", "--original", "--out", "r").err
    os.chmod("alice.key", 0o640)
    assert capsa("vote", "request", "u", "--as", "alice", "--original", "--out", "r2").err == ""


@test
def a_signal_leaves_nothing_behind():
    capsa("key", "new", "--out", "k")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process = subprocess.Popen([f"{BIN}/capsa", "file", "seal", "-", "out", "--data-key", "k", "--threads", "1"],
                                   stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
        process.stdin.write(bytes(8 << 20))  # more than a pipe holds: so it is at work
        process.stdin.flush()
        process.send_signal(number)
        err = process.communicate()[1].decode()
        assert process.returncode == 128 + number, (process.returncode, err)
        assert "stopped" in err and err.count("\n") == 1 and os.listdir(".") == ["k"], os.listdir(".")


@test
def text_of_others_is_shown_not_obeyed():
    make_party("alice")
    capsa("key", "new", "--out", "k")
    write("f", "data")
    for hostile in ("u\nparty X", "u\x1b[2J", "u\x7f", "u\u009b2J", "u\u202egpj", "u\u2066"):
        assert "control character" in capsa("vote", "request", hostile, "--as", "alice", "--original", "--out", "r", status=1).err
        assert "control character" in capsa("file", "seal", "f", "s", "--data-key", "k", "--resource", hostile, status=1).err
        action = json.dumps("tee/download," + hostile)
        write("q.yaml", "vote_request:\n  type: TEE_DOWNLOAD\n  approved_threshold: 1\n"
                        f"  approved_action: {action}\n  cert_chain_file: alice.crt\n  private_key_file: alice.key\n")
        capsa("cms_util", "sign-vote-request", "--vote-request-file", "q.yaml", "--signed-vote-request-file", "signed.yaml")
        assert "control character" in capsa("vote", "show", "signed.yaml", status=1).err
        assert "control character" in capsa("vote", "cast", "signed.yaml", "--approve", "--as", "alice", "--out", "v", status=1).err
    write("\u202egpj\x1b[2J\nforged", "x")
    out = capsa("file", "seal", "\u202egpj\x1b[2J\nforged", "ok", "--data-key", "k").text
    assert out == "sealed \\u202egpj\\x1b[2J\\x0aforged as ok\n", out


@test
def a_party_votes_once():
    make_party("alice")
    make_party("bob")
    capsa("vote", "request", "u", "--as", "alice", "--original", "--out", "req")
    signed = read("req").decode()
    assert re.search(r"^vote_request_signature: [A-Za-z0-9+/=]{100,}$", signed, re.M), signed
    for name in ("v1", "v2"):
        capsa("vote", "cast", "req", "--approve", "--as", "bob", "--out", name)
    assert "has a vote among the files before" in capsa("vote", "result", "req", "v1", "v2", "--out", "r", status=1).err
    assert "1 approve; whose count, the manager decides" in capsa("vote", "result", "req", "v1", "--out", "r").text


@test
def what_is_no_store_is_said_so():
    os.mkdir("data")
    write("data/capsa.db", "hello " * 100)
    write("junk", "hello " * 100)
    assert "junk is no Capsa backup" in capsa("store", "restore", "--data-dir", "new", "--from", "junk", status=1).err
    assert "data/capsa.db is no Capsa store" in capsa("store", "backup", "--data-dir", "data", "--to", "f", status=1).err
    sqlite3.connect("foreign").executescript("PRAGMA application_id=7; CREATE TABLE t(x)")
    assert "foreign is no Capsa backup" in capsa("store", "restore", "--data-dir", "new", "--from", "foreign", status=1).err
    assert "there is no backup" in capsa("store", "restore", "--data-dir", "new", "--from", "missing", status=1).err
    assert "no place for a backup" in capsa("store", "backup", "--data-dir", "data", "--to", "/dev/null", status=1).err


@test
def policies_are_listed_as_they_are_put():
    rule = {"rule_id": "r", "grantee_party_ids": ["P"], "columns": ["a"], "op_constraints": [{"op_name": "psi"}]}
    write("two.json", json.dumps({"scope": "s", "policies": [{"data_uuid": u, "rules": [rule]} for u in ("u1", "u2")]}))
    assert "0 errors" in capsa("policy", "lint", "two.json").text
    write("typo.json", json.dumps({"scopes": "s", "policies": [{"data_uuid": "u", "rules": [rule]}]}))
    assert "scopes" in capsa("policy", "lint", "typo.json", status=1).err
    bad = {**rule, "global_constraints": ["r.op_name = 1"]}
    write("bad.json", json.dumps({"policies": [{"data_uuid": "u1", "rules": [rule]}, {"data_uuid": "u2", "rules": [bad]}]}))
    assert "error: u2: rule 1" in capsa("policy", "lint", "bad.json", status=1).text


# ---- a manager ------------------------------------------------------------------------------------

class Manager:
    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [f"{BIN}/capsad", "--mode", "simulation", "--port", "0", "--listen", "127.0.0.1", "--rsa_bits", "2048",
             "--data_dir", "data", "--log_config.log_dir", "", "--log_config.enable_console_logger", "false", *flags],
            stdout=subprocess.PIPE, stderr=open("capsad.err", "w"), text=True, env=environment())
        line = self.process.stdout.readline()
        match = re.match(r"capsad: ready: grpc (\S+) ", line)
        assert match, (line, read("capsad.err"))
        self.host = match.group(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, read("capsad.err")


PLAIN = ["--tls_config.enable_tls", "false"]


@test
def the_main_job():
    for name in ("alice", "bob", "carol"):
        make_party(name)
        capsa("key", "new", "--out", f"{name}.data")
    with Manager(*PLAIN) as manager:
        env = {"CAPSA_HOST": manager.host}
        run = lambda *args, status=0: capsa(*args, status=status, env=env)
        run("manager", "cert", "--out", "cm.crt")
        who = json.loads(run("manager", "show", "-o", "json").text)["manager_id"]
        register = ["key", "register", "at", "--data-key", "alice.data", "--as", "alice"]
        assert who in run(*register, "--manager-id", "0" * 64, status=2).err
        assert "--original" in run(*register, "--manager-cert", "cm.crt", status=1).err
        run(*register, "--manager-id", who)
        run(*register, "--manager-cert", "cm.crt", "--original")
        run("key", "register", "bt", "--data-key", "bob.data", "--as", "bob")
        run("rule", "add", "at", "--id", "j", "--grantee-cert", "carol.crt", "--op", "join", "--columns", "id,x", "--as", "alice")
        carol = capsa("party", "id", "carol.crt").text.strip()
        write("policy.yaml", f"data_uuid: bt\nrules:\n  -\n    rule_id: j\n    grantee_party_ids: [{carol}]\n"
                             "    columns:\n      - id\n      - y\n    op_constraints:\n      - op_name: join\n        constraints:\n")
        run("policy", "put", "policy.yaml", "--as", "bob")
        listed = run("policy", "list", "--as", "bob").text
        write("listed.yaml", listed)
        run("policy", "put", "listed.yaml", "--as", "bob")
        again = run("policy", "list", "--as", "bob").text
        assert without_versions(again) == without_versions(listed) and versions(again) > versions(listed)
        assert json.loads(run("policy", "list", "--as", "bob", "-o", "json").text)["policies"][0]["data_uuid"] == "bt"
        get = ["key", "get", "at", "bt", "--as", "carol"]
        both = ["--columns", "id,x", "--columns", "id,y"]
        assert "not granted" in run(*get, *both, "--op", "train", "--out", "no", status=2).err
        assert "z" in run(*get, "--op", "join", "--columns", "id,x", "--columns", "id,z", "--out", "no", status=2).err
        run("key", "get", "at", "--as", "bob", "--op", "join", "--columns", "id", "--out", "no", status=2)
        run("key", "get", "at", "--as", "carol", "--op", "join", "--out", "no", status=2)
        assert not os.path.exists("no")
        run(*get, *both, "--op", "join", "--out", "got")
        assert read("got/at.key") == read("alice.data") and read("got/bt.key") == read("bob.data")
        assert mode("got") == "0o700" and mode("got/at.key") == "0o600"
        assert "exists already" in run(*get, *both, "--op", "join", "--out", "got", status=1).err
        write("request.yaml", "op_name: join\nscope: default\nresources:\n  - resource_uri: at\n    columns: [id]\n")
        assert run("key", "get", "--request", "request.yaml", "--as", "carol", "--out", "-").stdout == read("alice.data")
        run("result", "register", "joined", "--data-key", "carol.data", "--ancestor", "at", "--ancestor", "bt", "--as", "carol")
        run("vote", "request", "joined", "--as", "alice", "--out", "req")
        run("vote", "result", "req", "--out", "none.json")
        assert "not approved" in run("key", "export", "joined", "--votes", "none.json", "--out", "e", "--as", "alice", status=2).err
        run("vote", "cast", "req", "--reject", "--as", "bob", "--out", "against")
        assert "rejects" in run("vote", "result", "req", "against", "--out", "against.json").err
        run("key", "export", "joined", "--votes", "against.json", "--out", "e", "--as", "alice", status=2)
        run("vote", "cast", "req", "--approve", "--as", "bob", "--out", "for")
        run("vote", "result", "req", "for", "--out", "for.json")
        assert not os.path.exists("e")
        run("key", "export", "joined", "--votes", "for.json", "--out", "e", "--as", "alice")
        assert read("e") == read("carol.data") and mode("e") == "0o600"
        run("key", "delete", "at", "--as", "bob", status=2)
        run("rule", "delete", "at", "j", "--as", "alice")
        assert "data_uuid: at" in run("policy", "list", "--as", "alice").text
        run("policy", "delete", "at", "--as", "alice")
        assert "no policies" in run("policy", "list", "--as", "alice").text
        run("key", "delete", "at", "--as", "alice")
        run("key", "delete", "at", "--as", "alice", status=2)
        run("store", "backup", "--data-dir", "data", "--to", "copy.db")
        assert "use" in run("store", "restore", "--data-dir", "data", "--from", "copy.db", status=5).err
    capsa("store", "restore", "--data-dir", "data", "--from", "copy.db")
    with Manager(*PLAIN) as manager:
        assert json.loads(capsa("manager", "show", "-o", "json", "--manager-id", who, "--host", manager.host).text)["manager_id"] == who
        assert "data_uuid: bt" in capsa("policy", "list", "--as", "bob", "--host", manager.host).text
        assert "another key" in capsa("policy", "list", "--as", "bob", "--host", manager.host, "--original",
                                      "--manager-cert", "bob.crt", status=2).err
        capsa("policy", "list", "--as", "bob", "--host", manager.host, "--original", "--manager-cert", "cm.crt")


@test
def a_mistyped_name_is_not_a_success():
    make_party("alice")
    capsa("key", "new", "--out", "k")
    with Manager(*PLAIN) as manager:
        env = {"CAPSA_HOST": manager.host}
        run = lambda *args, status=0: capsa(*args, "--as", "alice", status=status, env=env)
        for uuid in ("my-table", "other"):
            run("key", "register", uuid, "--data-key", "k")
            run("rule", "add", uuid, "--id", "mean", "--grantee", "P", "--op", "mean", "--columns", "a")
        listed = run("policy", "list").text
        for args, said in [(["policy", "delete", "my-tabel"], 'did you mean "my-table"?'),
                           (["policy", "delete", "my-table", "--scope", "s"], 'scope s has no "my-table"'),
                           (["policy", "delete", "unlike"], 'there is "'),
                           (["rule", "delete", "my-tabel", "mean"], 'did you mean "my-table"?'),
                           (["rule", "delete", "my-table", "maen"], 'did you mean "mean"?'),
                           (["rule", "delete", "my-table", "mean", "--scope", "s"], "scope s has no")]:
            done = subprocess.run([f"{BIN}/capsa", *args, "--as", "alice"], capture_output=True, text=True,
                                  env={**environment(), **env})
            assert done.returncode == 2 and done.stdout == "" and said in done.stderr, (args, done)
        assert run("policy", "list").text == listed
        # all that is listed can be put again, in both forms
        write("listed.yaml", listed)
        write("listed.json", run("policy", "list", "-o", "json").text)
        for uuid in ("my-table", "other"):
            run("policy", "delete", uuid)
        assert "(scope default)" in run("policy", "put", "listed.yaml").text
        again = run("policy", "list").text
        assert without_versions(again) == without_versions(listed)
        assert len(versions(again)) == 2 and min(versions(again)) > max(versions(listed))
        run("policy", "put", "listed.json")
        assert without_versions(run("policy", "list").text) == without_versions(listed)
        run("rule", "delete", "my-table", "mean")
        shown = json.loads(capsa("manager", "show", "-o", "json", env=env).text)
        assert shown["public_key"].count("-----BEGIN PUBLIC KEY-----") == 1
        assert shown["manager_id"] in capsa("manager", "show", env=env).text
        # the other end has no TLS
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
        assert "no --root-ca" in capsa("manager", "show", "--root-ca", "ca.crt", env=env, status=5).err


@test
def what_was_decided_is_explained_to_the_owner_and_to_nobody_else():
    for name in ("alice", "bob", "job"):
        make_party(name)
    capsa("key", "new", "--out", "k")
    with Manager(*PLAIN, "--data_dir", "store") as manager:
        run = lambda *args, status=0: capsa(*args, status=status, env={"CAPSA_HOST": manager.host})
        for owner in ("alice", "bob"):
            run("key", "register", owner, "--data-key", "k", "--as", owner)
            run("rule", "add", owner, "--id", "r", "--grantee-cert", "job.crt", "--op", "x", "--columns", "a", "--as", owner)
        get = lambda *args, status=0: run("key", "get", "alice", "bob", *args, "--as", "job", "--force", "--out", "got", status=status)
        get("--op", "x", "--columns", "a")
        refused = get("--op", "x", "--columns", "a,z", status=2).err
        decision = re.search(r"\(its owner sees why: capsa policy explain ([0-9a-f]{32})\)$", refused.strip()).group(1)
        why = run("policy", "explain", decision, "--as", "alice").text
        for word in ("columns of rule 1", '"z"', "resource      alice (a, z)", "nearest rule  r", "proven"):
            assert word in why, (word, why)
        assert json.loads(run("policy", "explain", decision, "--as", "alice", "-o", "json").text)
        run("policy", "explain", decision, "--as", "bob", status=2)  # it failed at alice's
        run("policy", "explain", decision, "--as", "job", status=2)
        kinds = {}
        for owner in ("alice", "bob", "job"):
            kinds[owner] = [e["type"] for e in json.loads(run("audit", "list", "--as", owner, "-o", "json").text)["entries"]]
        assert kinds == {"alice": ["denial", "key-release", "rule-add", "key-create"],
                         "bob": ["key-release", "rule-add", "key-create"], "job": []}, kinds
        assert run("audit", "list", "--as", "alice", "--type", "denial").text.count("\n") == 1
        assert "did you mean" in run("audit", "list", "--as", "alice", "--type", "denail", status=1).err
        run("audit", "checkpoint", "--out", "before")
        run("rule", "delete", "bob", "r", "--as", "bob")
        run("audit", "export", "--out", "log")
        assert "sound" in run("audit", "verify").text and "sound" in capsa("audit", "verify", "log").text
        assert "earlier checkpoint" in capsa("audit", "verify", "log", "--since", "before").text
        lines = read("log").splitlines(True)
        write("short", b"".join(lines[:5] + lines[6:]))
        assert "removed: entry 3" in subprocess.run([f"{BIN}/capsa", "audit", "verify", "short"], capture_output=True, text=True).stdout
        assert "in use" in run("audit", "verify", "--data-dir", "store", status=5).err
        assert "do not go together" in run("audit", "verify", "log", "--data-dir", "store", status=1).err
    assert "sound" in capsa("audit", "verify", "--data-dir", "store", "--since", "before").text
    assert "there is no store" in capsa("audit", "verify", "--data-dir", "none", status=1).err
    assert not os.path.exists("none")


@test
def no_key_is_asked_for_that_cannot_be_kept():
    make_party("alice")
    make_party("job")
    capsa("key", "new", "--out", "k")
    write("file", "in the way")
    with Manager(*PLAIN, "--log_config.log_dir", "log") as manager:
        env = {"CAPSA_HOST": manager.host}
        for uuid in ("a", "b"):
            capsa("key", "register", uuid, "--data-key", "k", "--as", "alice", env=env)
            capsa("rule", "add", uuid, "--id", "r", "--grantee-cert", "job.crt", "--op", "x", "--columns", "c", "--as", "alice", env=env)
        get = lambda *args, **more: capsa("key", "get", *args, "--op", "x", "--columns", "c", "--as", "job", env=env, **more)
        log = lambda: sum(read(f"log/{name}").count(b"GetDataKeys") for name in os.listdir("log"))
        get("a", "--out", "one")
        released = log()
        assert released > 0
        assert "is a file" in get("a", "b", "--out", "file", status=1).err
        assert "there is no folder none" in get("a", "--out", "none/k", status=5).err
        full = "/sys/kernel" if os.geteuid() == 0 else "/"
        get("a", "--out", full + "/k", status=5)
        assert log() == released
        get("a", "b", "--out", "both/")
        assert sorted(os.listdir("both")) == ["a.key", "b.key"]
        capsa("key", "get", "a", "b", "--op", "y", "--columns", "c", "--as", "job", "--out", "denied", env=env, status=2)
        assert not os.path.exists("denied")


@test
def credentials_are_checked_before_anything_is_sent():
    make_party("alice")
    make_party("bob")
    nobody = ["--host", "127.0.0.1:1"]
    said = capsa("policy", "list", "--cert", "alice.crt", "--key", "bob.key", *nobody, status=1).err
    assert "bob.key is not the key of the first certificate" in said
    assert "private key is needed" in capsa("policy", "list", "--cert", "alice.crt", *nobody, status=1).err
    assert "--as alice" in capsa("policy", "list", "--as", "alice", "--key", "alice.key", *nobody, status=1).err
    env = {"CAPSA_CERT": "alice.crt", "CAPSA_KEY": "alice.key", "CAPSA_HOST": "127.0.0.1:1"}
    capsa("policy", "list", status=5, env=env)
    write("c.yaml", "host: 127.0.0.1:1\ncommon:\n  party_id: NOTME\n  cert_pems_file: alice.crt\n  private_key_file: alice.key\n")
    assert "common.party_id is NOTME" in capsa("policy", "list", "--config-file", "c.yaml", status=1).err
    write("e.yaml", "create_data_policy:\n  scope: s\n")
    assert "did you mean register_data_policy?" in capsa("policy", "list", "--config-file", "e.yaml", status=1).err
    write("d.yaml", "tee_plat: sgx\nhost: 127.0.0.1:1\n")
    said = capsa("policy", "list", "--as", "alice", "--config-file", "d.yaml", status=1).err
    assert "nothing says which code" in said and "mr_ta" in said
    write("d.yaml", "tee_plat: intel\nhost: 127.0.0.1:1\n")
    assert "tee_plat" in capsa("manager", "show", "--config-file", "d.yaml", status=1).err


CMS = """# made by hand
host: "%s"
tee_plat: sim
tee_constraints:
  mr_plat:
  mr_boot: null
  mr_ta: ~
  mr_signer: ""
root_ca_file:
private_key_file:
cert_chain_file:
common:
  party_id: %s
  cert_pems_file:
    - alice.crt
  scheme: RSA
  private_key_file: alice.key
register_data_keys:
  data_keys:
    -
      resource_uri: u1
      data_key_b64: "AAECAwQFBgcICQoLDA0ODw=="
    - resource_uri: u2
      data_key_b64: AAECAwQFBgcICQoLDA0ODw==
register_data_policy:
  scope: default
  data_uuid: u1
  rules:
    -
      rule_id: r1
      grantee_party_ids:
        - BOB
      columns:
        - '*'
      global_constraints:
      op_constraints:
        -
          op_name: psi
          constraints:
get_data_policys:
  scope:
add_data_rule:
  rule_id: unread
  scope: default
  data_uuid: u1
  rule:
    rule_id: r2
    grantee_party_ids: [X]
    columns: [a]
    op_constraints: [{op_name: psi}]
delete_data_rule:
  scope: default
  data_uuid: u1
  rule_id: r1
delete_data_policy:
  scope: default
  data_uuid: u1
get_export_data_key_b64:
  party_id: unread
  resource_uri: u1
  data_export_certificate_file: own.json
delete_data_key:
  resource_uri: u1
"""


@test
def cms_by_its_yaml_file():
    make_party("alice")
    party = capsa("party", "id", "alice.crt").text.strip()
    with Manager(*PLAIN) as manager:
        write("cli.yaml", CMS % (manager.host, party))
        cms = lambda name, status=0: capsa("cms", "--config-file", "cli.yaml", name, status=status)
        assert cms("get-public-key").text.startswith("-----BEGIN PUBLIC KEY-----\n")
        done = cms("register-cert")
        assert done.text == "" and "add_data_rule.rule_id is never read" in done.err
        assert "get_export_data_key_b64.party_id is never read" in done.err and done.err.count("\n") == 2
        assert cms("register-data-keys").text == ""
        assert cms("register-data-policy").text == ""
        assert json.loads(cms("get-data-policys").text) == {"data_uuid": "u1", "rules": [
            {"rule_id": "r1", "grantee_party_ids": ["BOB"], "op_constraints": [{"op_name": "psi"}], "columns": ["*"]}]}
        assert '{\n  "data_uuid": "u1",\n  "rules": [\n    {\n      "rule_id": "r1",' in cms("get-data-policys").text
        assert cms("add-data-rule").text == ""
        cms("add-data-rule", status=2)
        assert cms("delete-data-rule").text == ""
        assert [r["rule_id"] for r in json.loads(cms("get-data-policys").text)["rules"]] == ["r2"]
        capsa("vote", "request", "u1", "--as", "alice", "--out", "req", "--host", manager.host)
        capsa("vote", "result", "req", "--out", "own.json")
        assert cms("get-export-data-key-b64").text == KEY16 + "\n"
        assert cms("delete-data-policy").text == "" and cms("get-data-policys").text == ""
        assert cms("delete-data-key").text == ""
        cms("get-export-data-key-b64", status=2)
        # the environment does not speak for the file
        capsa("cms", "get-public-key", env={"CAPSA_HOST": "127.0.0.1:1", "CAPSA_CERT": "none"})
        # some TLS files but not all: never silently without TLS
        write("half.yaml", read("cli.yaml").replace(b"root_ca_file:\n", b"root_ca_file: ca.crt\n"))
        assert "all (TLS) or not at all" in capsa("cms", "--config-file", "half.yaml", "get-public-key", status=1).err
        write("bad.yaml", read("cli.yaml").replace(b"data_key_b64: AAEC", b"data_key_b64: @AEC"))
        capsa("cms", "--config-file", "bad.yaml", "register-data-keys", status=1)


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


def make_tls():
    os.mkdir("ca")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca/ca.crt", "-subj", "/CN=ca", "-days", "2")
    for name, extension in (("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        write("ext", extension)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca/ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                f"{name}.crt", "-days", "2", "-extfile", "ext")
    return ["--tls_config.enable_tls", "true", "--tls_config.server_cert_path", "server.crt",
            "--tls_config.server_private_key_path", "server.key", "--tls_config.client_ca_cert_path", "ca"]


@test
def tls_with_and_without_a_client_certificate():
    flags = make_tls()
    with Manager(*flags) as manager:
        show = ["manager", "show", "--host", manager.host]
        mine = ["--tls-cert", "client.crt", "--tls-cert", "ca/ca.crt", "--tls-key", "client.key"]
        capsa(*show, "--root-ca", "ca/ca.crt", *mine)
        done = subprocess.run([f"{BIN}/capsa", *show, "--root-ca", "ca/ca.crt"], capture_output=True)
        assert done.returncode in (2, 5) and done.stderr.count(b"\n") == 1
        done = subprocess.run([f"{BIN}/capsa", *show, "--root-ca", "client.crt", *mine], capture_output=True)
        assert done.returncode == 2, done
        done = subprocess.run([f"{BIN}/capsa", *show], capture_output=True)
        assert done.returncode == 5 and b"--root-ca FILE" in done.stderr, done
        write("cli.yaml", f"host: {manager.host}\nroot_ca_file: ca/ca.crt\nprivate_key_file: client.key\n"
                          "cert_chain_file:\n  - client.crt\n  - ca/ca.crt\n")
        capsa("cms", "get-public-key")
        write("cli.yaml", f"host: {manager.host}\nroot_ca_file: ca/ca.crt\nprivate_key_file: client.key\ncert_chain_file: client.crt\n")
        capsa("cms", "get-public-key")
    with Manager(*flags, "--tls_config.client_auth", "none") as manager:
        capsa("manager", "show", "--host", manager.host, "--root-ca", "ca/ca.crt")


if __name__ == "__main__":
    suite.main()
