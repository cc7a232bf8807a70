#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands `capsa policy test` and `capsa policy lint` on files. CAPSA_BIN is the folder of the program.
Ends with a line "N passed, N failed, N skipped"."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop"))

from harness import BIN, ROOT, Suite

EXAMPLES = f"{ROOT}/examples/policies"
suite = Suite(own_folder=True)
test = suite.test

POLICY = {
    "data_uuid": "d1",
    "rules": [
        {
            "rule_id": "join",
            "grantee_party_ids": ["carol"],
            "columns": ["a", "b"],
            "op_constraints": [{"op_name": "join"}],
            "global_constraints": ['r.env.request_time < "2027-01-01"'],
        },
        {
            "rule_id": "read",
            "grantee_party_ids": ["dave"],
            "columns": ["*"],
            "op_constraints": [
                {"op_name": "read", "constraints": ['r.attrs == ""', 'r.scope == "x"']}
            ],
        },
    ],
}
ENV = {"request_time": "2026-01-01T00:00:00Z"}
ALLOWED = {
    "name": "carol joins",
    "initiator": "carol",
    "op": "join",
    "columns": ["a"],
    "env": ENV,
    "expect": "allow",
}


def capsa(*args, status=0):
    env = {k: v for k, v in os.environ.items() if not k.startswith("CAPSA_")}
    done = subprocess.run(
        [f"{BIN}/capsa", "policy", *args], capture_output=True, text=True, timeout=60, env=env
    )
    assert (
        done.returncode == status
    ), f"{args}: status {done.returncode}, not {status}: {done.stdout} {done.stderr}"
    return done


def table(path, tests, policy=POLICY, **more):
    with open(path, "w") as file:
        json.dump({"policy": policy, "tests": tests, **more}, file)
    return path


def lines(tests, status, **more):
    done = capsa("test", table("t.json", tests, **more), status=status)
    assert done.stderr == "", done.stderr
    return done.stdout.splitlines()


@test
def every_case_is_a_line_and_the_end_counts_them():
    denied = {**ALLOWED, "name": "not c", "columns": ["c"], "expect": "deny"}
    assert lines([ALLOWED, denied], 0) == ["ok    carol joins", "ok    not c", "2 passed, 0 failed"]
    assert lines([{**ALLOWED, "expect": "deny"}, denied], 2) == [
        'FAIL  carol joins: expected deny, got allow: rule 1 "join" matches',
        "ok    not c",
        "1 passed, 1 failed",
    ]


@test
def a_failure_names_rule_clause_wanted_and_got():
    for change, said in [
        (
            {"initiator": "x"},
            'rule 1 "join" is nearest; grantee: wanted one of 1 grantees, got "x"',
        ),
        ({"op": "x"}, 'rule 1 "join" is nearest; operation: wanted "join", got "x"'),
        (
            {"columns": ["a", "x"]},
            'rule 1 "join" is nearest; columns: wanted only the 2 granted columns, got "x"',
        ),
        (
            {"env": {"request_time": "2028-01-01T00:00:00Z"}},
            'rule 1 "join" is nearest; global constraint 1: wanted r.env.request_time < "2027-01-01", got false; '
            'r.env.request_time is "2028-01-01T00:00:00Z"',
        ),
        (
            {"initiator": "dave", "op": "read"},
            'rule 2 "read" is nearest; op_constraints 1, constraint 2: wanted r.scope == "x", got false; '
            'r.scope is "default"',
        ),
    ]:
        out = lines([{**ALLOWED, **change}], 2)
        assert out == [
            f"FAIL  carol joins: expected allow, got deny: {said}",
            "0 passed, 1 failed",
        ], out
    out = lines(
        [{**ALLOWED, "columns": ["x"], "expect": "deny", "clause": "grantee", "rule": "read"}], 2
    )
    assert out[0].startswith(
        'FAIL  carol joins: expected deny by rule "read" for its grantee, got deny: rule 1'
    ), out
    out = lines([ALLOWED], 2, policy={"data_uuid": "d1"})
    assert out[0] == "FAIL  carol joins: expected allow, got deny: the policy has no rules", out


@test
def what_cannot_be_judged_fails_whatever_was_expected():
    many = {**ALLOWED, "columns": [f"c{i}" for i in range(16384)]}
    for rules, said in [
        (2, "is nearest; columns"),
        (400, "got no decision: the policy takes too many steps"),
    ]:
        policy = {
            "data_uuid": "d1",
            "rules": [{**POLICY["rules"][0], "rule_id": f"r{i}"} for i in range(rules)],
        }
        out = lines([many], 2, policy=policy)
        assert said in out[0] and out[1] == "0 passed, 1 failed", out
    assert "no decision" in lines([{**many, "expect": "deny"}], 2, policy=policy)[0]


@test
def json_says_the_same():
    path = table("t.json", [ALLOWED, {**ALLOWED, "name": "no", "columns": ["x"]}])
    answer = json.loads(capsa("test", "-o", "json", path, status=2).stdout)
    assert (answer["passed"], answer["failed"]) == (1, 1)
    good, bad = answer["tests"]
    assert good == {
        "file": path,
        "name": "carol joins",
        "expect": "allow",
        "passed": True,
        "decision": "allow",
        "rule": "join",
        "rule_number": 1,
        "clause": "none",
        "wanted": "",
        "got": "",
    }, good
    assert (bad["passed"], bad["decision"], bad["clause"], bad["got"]) == (
        False,
        "deny",
        "columns",
        '"x"',
    ), bad


@test
def several_tables_are_counted_together():
    one, two = table("1.json", [ALLOWED]), table("2.json", [{**ALLOWED, "expect": "deny"}])
    out = capsa("test", one, two, status=2).stdout.splitlines()
    assert out[0] == "ok    1.json: carol joins" and out[1].startswith(
        "FAIL  2.json: carol joins: "
    ), out
    assert out[2] == "1 passed, 1 failed"


@test
def nothing_tested_is_an_error_and_never_a_success():
    for content in (
        "",
        "\n",
        "{}",
        "[]",
        "null",
        "tests: []",
        "policy: {}\n",
        "policy: {}\ntests:\n",
        '{"policy": {"data_uuid": "d1"}, "tests": []}',
        "tests: [{name: a}]",
        "\x00",
        "a: [1\n",
    ):
        with open("t.yaml", "w") as file:
            file.write(content)
        done = capsa("test", "t.yaml", status=1)
        assert done.stdout == "" and re.match(r"capsa: t\.yaml: .", done.stderr), (content, done)
        assert done.stderr.count("\n") == 1, done.stderr
        answer = json.loads(capsa("test", "-o", "json", "t.yaml", status=1).stdout)
        assert list(answer) == ["error"], answer
    capsa("test", "missing.yaml", status=5)
    capsa("test", status=1)
    good = table("1.json", [ALLOWED])
    done = capsa("test", good, "t.yaml", status=1)
    assert "passed" not in done.stdout, done.stdout


@test
def what_is_misspelt_is_refused_with_the_nearest_name():
    for change, said in [
        ({"initator": "x"}, '"initiator" is the nearest'),
        ({"clause": "column"}, "columns"),
        ({"rule": "jion"}, '"join" is the nearest'),
        ({"env": {"request_tme": ""}}, "request_time"),
        ({"expect": "alow"}, "allow or deny"),
    ]:
        done = capsa(
            "test",
            table("t.json", [ALLOWED, {**ALLOWED, "name": "b", "expect": "deny", **change}]),
            status=1,
        )
        assert 't.json: tests[1] "b": ' in done.stderr and said in done.stderr, done.stderr


@test
def the_policy_is_read_from_beside_the_table():
    os.makedirs("sub/deep", exist_ok=True)
    for path, content in [
        ("sub/p.yaml", POLICY),
        ("sub/deep/q.yaml", {"scope": "x", "policy": POLICY}),
    ]:
        with open(path, "w") as file:
            json.dump(content, file)
    capsa("test", table("sub/t.json", [ALLOWED], policy="p.yaml"))
    capsa(
        "test",
        table(
            "sub/t.json",
            [{**ALLOWED, "initiator": "dave", "op": "read", "columns": ["z"], "rule": "read"}],
            policy="deep/q.yaml",
        ),
    )
    capsa("test", table("sub/t.json", [ALLOWED], policy=os.path.abspath("sub/p.yaml")))
    done = capsa("test", table("sub/t.json", [ALLOWED], policy="no.yaml"), status=5)
    assert "sub/t.json: policy: " in done.stderr and "sub/no.yaml" in done.stderr, done.stderr


@test
def names_cannot_steer_the_terminal():
    out = lines([{**ALLOWED, "name": "a\x1b[2Jb\nok    c"}], 0)
    assert out == ["ok    a\\x1b[2Jb\\x0aok    c", "1 passed, 0 failed"], out


@test
def the_examples_pass_and_lint_finds_nothing_in_them():
    tables = sorted(name for name in os.listdir(EXAMPLES) if ".tests." in name)
    policies = sorted(
        name
        for name in os.listdir(EXAMPLES)
        if name.endswith((".yaml", ".json")) and name not in tables
    )
    assert tables and policies
    for name in tables:
        out = capsa("test", f"{EXAMPLES}/{name}").stdout
        assert re.search(r"^\d+ passed, 0 failed$", out, re.M), out
    for name in policies:
        out = capsa("lint", f"{EXAMPLES}/{name}").stdout
        assert "0 errors, 0 warnings" in out, out


if __name__ == "__main__":
    suite.main()
