# SPDX-License-Identifier: Apache-2.0
"""Evidence between real programs: owners who judge the manager before they send it a key, jobs that
show which code they are, and a manager that releases to no other.

The platform is simulated, and made anew for each run; without it in the build everything is skipped.
"""

import json
import os
import re
import signal
import sys
import time

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop")
)

from harness import (
    CAPSA,
    CAPSAD,
    NotStarted,
    Server,
    Skip,
    Suite,
    contains,
    equal,
    holds,
    refused_start,
    run,
    temporary_folder,
)

import collateral as pccs

suite = Suite()

REFUSED, EVIDENCE, STATUS = 2, 3, 4  # exit statuses of capsa


# ---- The platform, and who is about -----------------------------------------------------------


class Platform:
    """A simulated platform, its manager's and a job's code, and two parties."""

    def __init__(self):
        self.folder = temporary_folder("evidence")
        if run(CAPSA, "sim", "init", self.at("sim"))[0] != 0:
            raise Skip("this build has no simulated platform")
        self.write("job", "#!/bin/sh\necho join\n")
        for name in ("alice", "carol"):
            status, _, text = run(CAPSA, "party", "new", "--name", name, cwd=self.folder)
            equal(status, 0, "status of party new (%s)" % text)
        self.manager = measure(os.path.realpath(CAPSAD))

    def at(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.at(name), "w") as file:
            file.write(text)
        return self.at(name)

    def forge(self, name, *knobs):
        """A folder of evidence and collateral that is wrong in one way."""
        path = self.at(name)
        if not os.path.exists(path):
            status, _, text = run(CAPSA, "sim", "forge", self.at("sim"), *knobs, "--out", path)
            equal(status, 0, "status of sim forge (%s)" % text)
        return os.path.join(path, "collateral.json")

    def chip(self):
        """The id of the platform, as a verifier tells it."""
        collateral = self.forge("honest")
        evidence = os.path.join(os.path.dirname(collateral), "evidence.bin")
        _, out, text = run(
            CAPSA,
            *("verify", "--evidence", evidence, "--collateral", collateral),
            *("--root", self.at("sim/root.pem"), "-o", "json"),
        )
        holds(out, "capsa verify says nothing (%s)" % text)
        return json.loads(out)["claims"]["sgx"]["ppid"]

    def stop(self):
        pass


def platform():
    return suite.shared("platform", Platform)


def measure(path):
    status, out, text = run(CAPSA, "sim", "measure", path, "-o", "json")
    equal(status, 0, "status of sim measure (%s)" % text)
    return json.loads(out)


def flip(hexes):
    return hexes[:-1] + ("0" if hexes[-1] != "0" else "1")


class Scene:
    """One manager, with alice's key and policy in it."""

    def __init__(self, kind="sim-sgx", **flags):
        self.platform = platform()
        self.kind = kind
        self.server = Server(
            **{"platform": kind or None, "sim_dir": self.platform.at("sim"), **flags}
        )
        self.policy = self.platform.write(
            "manager-%s.yaml" % kind, manager_policy(kind or "sim-sgx", self.platform.manager)
        )
        self.trust = [] if kind is None else self.trusting(self.policy)

    def trusting(self, policy):
        return ["--manager-policy", policy, "--sim-root", self.platform.at("sim/root.pem")]

    def capsa(self, *arguments, status=0, party="alice"):
        who = ["--as", self.platform.at(party)] if party else []
        got, out, text = run(CAPSA, *arguments, *who, "--host", self.server.target)
        equal(got, status, "status of %s (%s)" % (" ".join(arguments[:3]), text + out))
        return out + text

    def own(self, uuid, *constraints, trust=None):
        """Alice registers a key, and grants Carol to join under the constraints."""
        trust = self.trust if trust is None else trust
        path = self.platform.at(uuid + ".datakey")
        run(CAPSA, "key", "new", "--out", path)
        self.capsa("key", "register", uuid, "--data-key", path, *trust)
        grant = ["rule", "add", uuid, "--id", "join", "--op", "join", "--columns", "*"]
        for constraint in constraints:
            grant += ["--constraint", constraint]
        self.capsa(*grant, "--grantee-cert", self.platform.at("carol.crt"), *trust)

    def get(self, uuid, *more, status=0, code="job", evidence=True):
        shown = []
        if evidence:
            shown = ["--platform", self.kind or "sim-sgx", "--sim-dir", self.platform.at("sim")]
            shown += ["--sim-code", self.platform.at(code)]
        out = self.platform.at("got")
        return self.capsa(
            "key", "get", uuid, "--op", "join", "--columns", "x", "--out", out, "--force",
            *shown, *more, status=status, party="carol",
        )

    def explained(self, text):
        return self.capsa(
            "policy", "explain", re.search(r"policy explain ([0-9a-f]{32})", text)[1]
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.server.stop() if kind is None else self.server.kill()


def manager_policy(kind, code):
    if kind == "sim-tdx":
        lines = ["%s: %s" % (name, code[name]) for name in ("mr_td", "rtmr0", "rtmr1")]
        lines.append("ignored: [rtmr2, rtmr3]")
        return "reference_values:\n- tdx: {%s}\n" % ", ".join(lines)
    return "reference_values:\n- sgx: {mr_enclave: %s}\n" % code["mr_enclave"]


def pins(kind, code):
    if kind == "sim-tdx":
        return " && ".join(
            'r.env.tee.tdx.%s == "%s"' % (name, code[name]) for name in ("mr_td", "rtmr0", "rtmr1")
        )
    return 'r.env.tee.sgx.mr_enclave == "%s"' % code["mr_enclave"]


# ---- From end to end --------------------------------------------------------------------------


def whole_story(kind):
    with Scene(kind) as scene:
        code = measure(scene.platform.at("job"))
        scene.own("data", pins(kind, code))
        contains(scene.capsa("manager", "show", *scene.trust, party=None), "by evidence")
        contains(scene.get("data"), "got the key")
        scene.platform.write("other", "#!/bin/sh\necho joim\n")
        other = measure(scene.platform.at("other"))
        name = "mr_td" if kind == "sim-tdx" else "mr_enclave"
        text = scene.get("data", code="other", status=REFUSED)
        holds(code[name] not in text, "the requester is told what the owner wants")
        told = scene.explained(text)
        contains(told, code[name], other[name])
        listed = scene.capsa("audit", "list", "--last", "2", "-o", "json")
        contains(listed, code[name], other[name], "UpToDate")


@suite.plain_test
def sim_sgx_from_end_to_end():
    whole_story("sim-sgx")


@suite.plain_test
def sim_tdx_from_end_to_end():
    whole_story("sim-tdx")


@suite.plain_test
def results_and_tls_keys_want_evidence_too():
    with Scene() as scene:
        scene.own("data", pins("sim-sgx", measure(scene.platform.at("job"))))
        scene.get("data")
        shown = ["--platform", "sim-sgx", "--sim-dir", scene.platform.at("sim")]
        shown += ["--sim-code", scene.platform.at("job")]
        register = ["result", "register", "made", "--data-key", scene.platform.at("data.datakey")]
        register += ["--ancestor", "data"]
        text = scene.capsa(*register, status=REFUSED, party="carol")
        contains(text, "attestation_report: missing")
        scene.capsa(*register, *shown, party="carol")
        tls = ["tls", "get", "--uri", "data", "--op", "join", "--columns", "x"]
        tls += ["--cert-out", scene.platform.at("g.crt"), "--key-out", scene.platform.at("g.key")]
        contains(scene.capsa(*tls, status=REFUSED, party="carol"), "attestation_report: missing")
        scene.capsa(*tls, *shown, party="carol")


@suite.plain_test
def the_originals_protocol_carries_evidence_too():
    with Scene() as scene:
        scene.own("data", pins("sim-sgx", measure(scene.platform.at("job"))))
        scene.get("data", "--original")
        text = scene.get("data", "--original", evidence=False, status=REFUSED)
        contains(text, "attestation_report: missing")
        scene.capsa("manager", "show", "--original", *scene.trust, party=None)


# ---- What a job shows -------------------------------------------------------------------------


@suite.plain_test
def A17_a_job_without_evidence_is_refused():
    with Scene() as scene:
        scene.own("data")
        contains(scene.get("data", evidence=False, status=REFUSED), "attestation_report: missing")


@suite.plain_test
def A2_A6_A7_collateral_that_does_not_prove_it_is_refused():
    policy = platform().write("aged.yaml", "max_collateral_age_seconds: 864000\n")
    with Scene(evidence_policy=policy) as scene:
        scene.own("data")
        scene.get("data")
        for name, check, knobs in (
            ("unsigned", "crl", ("--unsigned-crl", "pck-crl")),
            ("expired", "expired", ("--expire", "tcb-info")),
            ("old", "stale", ("--issued-days-ago", "20")),
            ("outdated", "tcb-status", ("--tcb-status", "OutOfDate")),
        ):
            collateral = scene.platform.forge(name, *knobs)
            text = scene.get("data", "--collateral", collateral, status=REFUSED)
            contains(text, "evidence refused: " + check)
        holds("864000" not in text, "the requester is told the policy")


@suite.plain_test
def A7_what_is_not_fresh_enough_is_replaced_where_the_operator_says_from_where():
    policy = platform().write("aged.yaml", "max_collateral_age_seconds: 864000\n")
    fresh = os.path.join(platform().at("sim"), "sgx", "collateral.json")
    bundle = platform().at("bundle")
    status, _, text = run(CAPSA, "collateral", "bundle", fresh, "--out", bundle, "--force")
    equal(status, 0, "status of collateral bundle (%s)" % text)
    with Scene(evidence_policy=policy, collateral__bundle=bundle) as scene:
        scene.own("data")
        scene.get("data", "--collateral", scene.platform.forge("old", "--issued-days-ago", "20"))
        # A fresh one that says no is not asked twice.
        outdated = scene.platform.forge("outdated", "--tcb-status", "OutOfDate")
        text = scene.get("data", "--collateral", outdated, status=REFUSED)
        contains(text, "evidence refused: tcb-status")


@suite.plain_test
def a_policy_that_is_insecure_is_announced_and_stands_in_the_genesis():
    loose = platform().write("loose-evidence.json", '{\n\t"insecure_allow_expired": true}')
    with Scene(evidence_policy=loose) as scene:
        contains(scene.server.stderr(), "INSECURE", "insecure_allow_expired")
        shown = scene.capsa("manager", "show", *scene.trust, party=None)
        contains(shown, "it may run with insecure_allow_expired")
        scene.own("data")
        scene.get("data", "--collateral", scene.platform.forge("expired", "--expire", "tcb-info"))
        told = scene.capsa("manager", "show", *scene.trusting(loose), party=None)
        contains(told, "warning", "insecure_allow_expired is on")
    # It cannot come later: not by a restart, and not by SIGHUP.
    strict = platform().write("turns-loose.yaml", "insecure_allow_expired: false\n")
    with Scene(evidence_policy=strict) as scene:
        scene.own("data")
        scene.platform.write("turns-loose.yaml", "insecure_allow_expired: true\n")
        scene.server.process.send_signal(signal.SIGHUP)
        expired = scene.platform.forge("expired", "--expire", "tcb-info")
        ends = time.monotonic() + 20
        while "takes a start" not in scene.server.logs():
            holds(time.monotonic() < ends, "the log says nothing of the policy")
        scene.get("data", "--collateral", expired, status=REFUSED)
        scene.server.stop()
        try:
            scene.server.start()
        except NotStarted as refusal:
            contains(refusal.text, "began without insecure_allow_expired")
        else:
            raise AssertionError("capsad started")
        scene.platform.write("turns-loose.yaml", "insecure_allow_expired: false\n")
        scene.server.start()


@suite.plain_test
def A15_evidence_of_another_simulated_platform_is_refused():
    with Scene() as scene:
        scene.own("data")
        other = scene.platform.at("other-sim")
        run(CAPSA, "sim", "init", other)
        text = scene.get("data", "--sim-dir", scene.platform.at("sim"), status=1)
        contains(text, "twice")
        text = scene.capsa(
            "key", "get", "data", "--op", "join", "--columns", "x", "--out", scene.platform.at("g"),
            "--platform", "sim-sgx", "--sim-dir", other, status=REFUSED, party="carol",
        )
        contains(text, "evidence refused: anchor")


@suite.plain_test
def an_environment_that_the_request_claims_does_not_count():
    with Scene() as scene:
        code = measure(scene.platform.at("job"))["mr_enclave"]
        scene.own("data", 'r.env.tee.sgx.mr_enclave == "%s"' % flip(code))
        env = {"tee": {"platform": "sgx", "sgx": {"mr_enclave": flip(code)}}}
        asked = {
            "op_name": "join",
            "scope": "default",
            "resources": [{"resource_uri": "data", "columns": ["x"]}],
            "env": json.dumps(env),
        }
        path = scene.platform.write("request.json", json.dumps(asked))
        scene.capsa(
            "key", "get", "--request", path, "--out", scene.platform.at("g"), "--platform",
            "sim-sgx", "--sim-dir", scene.platform.at("sim"), "--sim-code",
            scene.platform.at("job"), status=REFUSED, party="carol",
        )


# ---- An incident ------------------------------------------------------------------------------


def until_refused(scene, seconds, *more):
    ends = time.monotonic() + seconds
    while True:
        out = scene.platform.at("got")
        status, _, text = run(
            CAPSA, "key", "get", "data", "--op", "join", "--columns", "x", "--out", out, "--force",
            "--platform", "sim-sgx", "--sim-dir", scene.platform.at("sim"), "--as",
            scene.platform.at("carol"), "--host", scene.server.target,
        )
        if status:
            return text
        holds(time.monotonic() < ends, "released after %d s" % seconds)


@suite.plain_test
def A29_incident_a_chip_is_denied_without_a_restart():
    chip = platform().chip()
    policy = platform().write("incident.yaml", "platforms: [sgx]\n")
    with Scene(evidence_policy=policy) as scene:
        scene.own("data")
        scene.get("data")
        scene.platform.write("incident.yaml", "denied_chips: [nonsense]\n")
        scene.server.process.send_signal(signal.SIGHUP)  # what is no policy changes nothing
        scene.get("data")
        scene.platform.write("incident.yaml", "denied_chips: [%s]\n" % chip)
        scene.server.process.send_signal(signal.SIGHUP)
        text = until_refused(scene, 20)
        contains(text, "evidence refused: chip-denied")
        holds(chip not in text, "the requester is told the chip")
        contains(scene.explained(text), "chip-denied")


@suite.plain_test
def A29_incident_an_owner_denies_a_chip_for_himself():
    with Scene() as scene:
        chip = scene.platform.chip()
        scene.own("data", 'r.env.tee.sgx.ppid != "%s"' % flip(chip))
        scene.get("data")
        scene.own("mine", 'r.env.tee.sgx.ppid != "%s"' % chip)
        scene.get("mine", status=REFUSED)


# ---- What the manager shows -------------------------------------------------------------------


@suite.plain_test
def nothing_is_sent_to_a_manager_that_is_not_what_the_policy_says():
    with Scene() as scene:
        key = scene.platform.at("k")
        run(CAPSA, "key", "new", "--out", key)
        right = scene.platform.manager["mr_enclave"]
        before = scene.capsa("manager", "show", "-o", "json", *scene.trust, party=None)
        sgx = "reference_values:\n- sgx: {%s}\n"
        for name, text, status, words in (
            ("wrong", sgx % ("mr_enclave: " + flip(right)), REFUSED, (right, flip(right))),
            ("tdx", "platforms: [tdx]\n", REFUSED, ("platform",)),
        ):
            policy = scene.platform.write(name + ".yaml", text)
            said = scene.capsa(
                "key", "register", "x", "--data-key", key, *scene.trusting(policy), status=status
            )
            contains(said, "nothing was sent to it", *words)
        said = scene.capsa(
            "key", "register", "x", "--data-key", key, "--manager-policy", scene.policy,
            status=EVIDENCE,
        )
        contains(said, "anchor")  # the simulated root is no vendor's
        after = scene.capsa("manager", "show", "-o", "json", *scene.trust, party=None)
        size = [int(re.search(r'"log_size": ?(\d+)', text)[1]) for text in (before, after)]
        equal(size[1], size[0], "entries of the log")


@suite.plain_test
def a_manager_without_evidence_does_not_pass_for_one_with():
    with Scene(None, sim_dir=None) as scene:
        trust = scene.trusting(scene.policy)
        said = scene.capsa("manager", "show", *trust, status=EVIDENCE, party=None)
        contains(said, "shows no evidence")


@suite.plain_test
def a_policy_that_does_not_say_which_code_needs_more():
    with Scene() as scene:
        key = scene.platform.at("k2")
        run(CAPSA, "key", "new", "--out", key)
        loose = scene.trusting(scene.platform.write("loose.yaml", "platforms: [sgx]\n"))
        register = ["key", "register", "loose", "--data-key", key]
        said = scene.capsa(*register, *loose, status=REFUSED)
        contains(said, "insecure_unpinned_manager", "--manager-id")
        shown = json.loads(scene.capsa("manager", "show", "-o", "json", *scene.trust, party=None))
        scene.capsa(*register, *loose, "--manager-id", shown["manager_id"])
        scene.capsa(*register, *loose, "--insecure-unpinned-manager")


def cms_config(scene, **more):
    lines = {
        "host": scene.server.target,
        "tee_plat": "sim-sgx",
        "sim_root": scene.platform.at("sim/root.pem"),
        "root_ca_file": "",
        **more,
    }
    constraints = lines.pop("constraints", {})
    text = "".join("%s: %s\n" % item for item in lines.items())
    text += "tee_constraints:\n" + "".join(
        "  %s: %s\n" % (name, constraints.get(name, ""))
        for name in ("mr_plat", "mr_boot", "mr_ta", "mr_signer")
    )
    text += "common:\n  cert_pems_file: [%s.crt]\n  private_key_file: %s.key\n" % (
        scene.platform.at("alice"),
        scene.platform.at("alice"),
    )
    return scene.platform.write("cms.yaml", text)


@suite.plain_test
def the_originals_tee_constraints_are_held():
    with Scene() as scene:
        right = scene.platform.manager["mr_enclave"]
        for constraints, more, status, words in (
            ({"mr_ta": right.upper()}, {}, 0, ("BEGIN PUBLIC KEY",)),
            ({"mr_ta": flip(right)}, {}, REFUSED, (right, flip(right), "nothing was sent")),
            ({}, {}, 1, ("insecure_unpinned_manager", "mr_ta")),
            ({}, {"insecure_unpinned_manager": "true"}, 0, ("BEGIN PUBLIC KEY",)),
            ({"mr_signer": right}, {}, 1, ("insecure_unpinned_manager",)),
            ({"mr_boot": right}, {}, 1, ("mr_boot", "says nothing")),
            ({"mr_ta": right[:-2]}, {}, 1, ("tee_constraints",)),
            ({"mr_ta": right}, {"sim_root": ""}, 1, ("sim_root",)),
            ({"mr_ta": right}, {"tee_plat": "sgx", "sim_root": ""}, EVIDENCE, ("anchor",)),
            ({"mr_ta": right}, {"tee_plat": "intel"}, 1, ("tee_plat",)),
            ({}, {"tee_plat": "sim", "sim_root": ""}, 0, ("BEGIN PUBLIC KEY",)),
        ):
            path = cms_config(scene, constraints=constraints, **more)
            got, out, text = run(CAPSA, "cms", "--config-file", path, "get-public-key")
            equal(got, status, "status with %r, %r (%s)" % (constraints, more, text))
            contains(out + text, *words)


# ---- What capsad refuses ----------------------------------------------------------------------


@suite.plain_test
def A15_production_is_refused_for_each_reason_by_name():
    sim = platform().at("sim")
    common = {"mode": "production", "storage_config__storage_backend": "memory"}
    for words, flags in (
        (("needs a platform",), {}),
        (("simulated", "proves nothing"), {"platform": "sim-sgx", "sim_dir": sim}),
        (("sim_dir", "never trusted"), {"platform": "sgx", "sim_dir": sim}),
        (("enable_inject_cm_key",), {"platform": "sgx", "enable_inject_cm_key": "true"}),
        (("insecure_empty_columns_pass",), {"insecure_empty_columns_pass": "true"}),
        (("insecure_claimed_initiator",), {"insecure_claimed_initiator": "true"}),
        (("insecure_client_env",), {"insecure_client_env": "true"}),
        (
            ("evidence_policy", "insecure_allow_debug"),
            {
                "platform": "sgx",
                "evidence_policy": platform().write("d.yaml", "insecure_allow_debug: true\n"),
            },
        ),
        (
            ("root key", "memory"),
            {"platform": "sgx", "storage_config__storage_backend": "sqlite"},
        ),
    ):
        refused_start("mode production", *words, **{**common, **flags})
    # Where everything is as it should be, it takes the machine to have such a platform.
    refused_start("platform", platform="sgx", tee_root=temporary_folder("empty"), **common)


@suite.plain_test
def A15_evidence_of_hardware_is_shown_in_production_alone():
    # It says which code runs, and not in which mode: whoever pins the code, as original clients do,
    # would send his keys to a manager whose root, or whose very key, lies in a file of its host.
    for flags in ({}, {"enable_inject_cm_key": "true"}, {"insecure_claimed_initiator": "true"}):
        for platform_name in ("sgx", "tdx", "snp", "csv"):
            refused_start("platform " + platform_name, "mode production", platform=platform_name, **flags)


@suite.plain_test
def what_does_not_go_together_is_refused():
    sim = platform().at("sim")
    for words, flags in (
        (("evidence optional", "required"), {"platform": "sim-sgx", "sim_dir": sim, "evidence": "optional"}),
        (("evidence", "required or optional"), {"evidence": "maybe"}),
        (("sim_dir is needed",), {"platform": "sim-tdx"}),
        (("sim_dir",), {"platform": "sim-sgx", "sim_dir": temporary_folder("none")}),
        (("insecure_client_env", "platform"), {"platform": "sim-sgx", "sim_dir": sim, "insecure_client_env": "true"}),
        (("platform", "sim-sgx", "sim-tdx"), {"platform": "sev"}),
        (("sim_code",), {"sim_code": CAPSAD}),
        (("collateral.pccs_url", "collateral.fetch"), {"collateral__pccs_url": "https://localhost"}),
        (("collateral.bundle", "either"), {"collateral__bundle": "/x", "collateral__fetch": "true"}),
        (("collateral", "/nowhere"), {"collateral__bundle": "/nowhere/bundle"}),
        (("collateral",), {"collateral__fetch": "true", "collateral__pccs_url": "nonsense"}),
        (("collateral.timeout_seconds",), {"collateral__timeout_seconds": 0}),
        (("evidence_policy",), {"evidence_policy": "/nowhere/policy.yaml"}),
        (("evidence_policy", "reference_values"), {"evidence_policy": platform().write("bad.yaml", "reference_values: []\n")}),
        (("platform sim-sgx", "/nowhere/absent"), {"platform": "sim-sgx", "sim_dir": sim, "sim_code": "/nowhere/absent"}),
    ):
        refused_start(*words, **flags)


@suite.plain_test
def a_store_takes_no_simulated_root_that_it_did_not_begin_with():
    sim = platform().at("sim")
    with Server() as server:
        server.stop()
        server.flags["sim_dir"] = sim
        try:
            server.start()
        except NotStarted as refusal:
            contains(refusal.text, "began without the simulated trust anchor")
        else:
            raise AssertionError("capsad started")
        del server.flags["sim_dir"]
        server.start()


@suite.plain_test
def a_simulated_root_does_not_come_with_a_signal_either():
    other = temporary_folder("other-root") + "/sim"
    equal(run(CAPSA, "sim", "init", other)[0], 0, "status of sim init")
    with Scene(None, sim_dir=other, evidence="required") as scene:
        scene.own("data")
        contains(scene.get("data", status=REFUSED), "evidence refused: anchor")
        with open(scene.platform.at("sim/root.pem")) as root, open(other + "/root.pem", "w") as file:
            file.write(root.read())
        scene.server.process.send_signal(signal.SIGHUP)
        ends = time.monotonic() + 20
        while "what=evidence_policy" not in scene.server.logs():
            holds(time.monotonic() < ends, "the log says nothing of the reload")
        contains(scene.get("data", status=REFUSED), "evidence refused: anchor")
        contains(scene.server.logs(), "takes a start")


@suite.plain_test
def clients_are_warned_for_when_the_managers_evidence_may_be_refused():
    old = temporary_folder("old") + "/sim"
    equal(run(CAPSA, "sim", "init", old)[0], 0, "status")
    forged = temporary_folder("outdated") + "/f"
    equal(run(CAPSA, "sim", "forge", old, "--tcb-status", "OutOfDate", "--out", forged)[0], 0, "status")
    os.replace(forged + "/collateral.json", old + "/sgx/collateral.json")
    with Server(platform="sim-sgx", sim_dir=old) as server:
        contains(server.stderr(), "clients may refuse this manager's evidence", "OutOfDate")


@suite.plain_test
def four_questions_to_a_pccs_serve_all_releases_also_after_a_reload():
    policy = platform().write("aged.yaml", "max_collateral_age_seconds: 864000\n")
    old = platform().forge("old", "--issued-days-ago", "20")
    folder = platform().at("sim/sgx")
    with pccs.Server(pccs.pccs(folder)) as server:
        more = {"collateral__fetch": "true", "collateral__pccs_url": server.url}
        with Scene(evidence_policy=policy, **more) as scene:
            scene.own("data")
            holds(not server.asked, "asked before anybody needed it: %s" % server.asked)
            for _ in range(3):
                contains(scene.get("data", "--collateral", old), "got the key")
            equal(sorted(server.asked), sorted(pccs.paths(folder).values()), "what was asked")
            scene.server.process.send_signal(signal.SIGHUP)
            contains(scene.get("data", "--collateral", old), "got the key")
            equal(len(server.asked), 4, "questions after a reload")


@suite.plain_test
def a_pccs_that_fails_releases_nothing_and_harms_nobody_else():
    policy = platform().write("aged.yaml", "max_collateral_age_seconds: 864000\n")
    old = platform().forge("old", "--issued-days-ago", "20")
    with pccs.Server({}) as server:
        more = {"collateral__fetch": "true", "collateral__pccs_url": server.url}
        with Scene(evidence_policy=policy, **more) as scene:
            scene.own("data")
            text = scene.get("data", "--collateral", old, status=REFUSED)
            contains(text, "evidence refused: stale")
            equal(len(server.asked), 1, "what was asked")
            contains(scene.get("data"), "got the key")


suite.main()
