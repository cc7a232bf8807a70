#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`capsa verify` over every recorded piece of evidence: real ones, mutations, forgeries under a throw-away
root. What is checked is the verdict, the status, the advisories and the exit status, never the text of a
reason. CAPSA_BIN is the folder of the program; CAPSA_VECTORS that of recorded vectors (skipped without).
Ends with a line "N passed, N failed, N skipped"."""
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("CAPSA_BIN", os.path.join(ROOT, "build/bin")))
VECTORS = os.path.abspath(os.environ.get("CAPSA_VECTORS", os.path.join(ROOT, "../shared/vectors")) + "/attestation")
DEFAULT_STATUSES = {None, "UpToDate", "SWHardeningNeeded"}
STATUSES = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
            "OutOfDateConfigurationNeeded", "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"]
SOME_TIME = 1780000000  # for evidence that never expires
MEMBERS = ["verdict", "platform", "tcb_status", "advisory_ids", "failed_check", "reason", "claims", "anchor"]


class Run:
    """One run of the command, its answer read."""

    def __init__(self, *words):
        done = subprocess.run([f"{BIN}/capsa", "verify", "-o", "json", *words], capture_output=True, timeout=60)
        self.words, self.status, self.err = words, done.returncode, done.stderr.decode(errors="replace")
        self.out = done.stdout.decode()
        self.json = json.loads(self.out) if self.out.startswith("{") else {}

    def need(self, truth, what):
        assert truth, f"{what}: capsa verify {' '.join(self.words)}: {self.status} {self.out[:600]} {self.err[:400]}"

    def answered(self):
        """An answer has all its members, and its parts agree with each other."""
        self.need(self.status in (0, 2, 3, 4), "a status of a verdict")
        self.need(all(name in self.json for name in MEMBERS), "all members")
        accepted = self.json["verdict"] == "accept"
        self.need(accepted == (self.status == 0), "verdict and exit status agree")
        self.need(accepted == (self.json["failed_check"] is None), "verdict and failed check agree")
        self.need(accepted or self.json["reason"], "a refusal has a reason")
        self.need(not self.err, "nothing on standard error")
        return self


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


class Vector:
    """A folder with evidence, what proves it, and what is expected."""

    def __init__(self, folder):
        self.folder = folder
        self.name = os.path.relpath(folder, VECTORS)
        self.whole = read(f"{folder}/expected.json")
        self.expected = self.whole["expected"]
        self.time = str(self.whole.get("verification_time_unix", SOME_TIME))

    def path(self, name):
        return f"{self.folder}/{name}"

    def has(self, name):
        return os.path.exists(self.path(name))

    def root(self):
        """The root that the vector says to trust; a root that merely lies there is none."""
        name = self.whole.get("trusted_root") or self.whole.get("trusted_hrk")
        return ["--root", self.path(name)] if name else []

    def words(self):
        if self.has("quote.bin"):
            return ["--evidence", self.path("quote.bin"), "--collateral", self.path("collateral.json")]
        return ["--evidence", self.path("report.bin"), "--collateral", self.folder]

    def run(self, *more):
        return Run(*self.words(), "--time", self.time, *self.root(), *more).answered()

    def verdict(self):
        """accept, reject, or None where verifiers may differ."""
        if self.expected.get("policy_dependent"):
            verdict = self.expected.get("recommended_verdict", "either")
            return None if verdict == "either" else verdict
        return self.expected["verdict"]


# What the words of a vector's reason say about the exit status of the default policy.
REASONS = [("debug", 3, {"debug"}), ("policy allows debug", 3, {"debug"}),
           ("collateral expired", 4, {"expired", "not-yet-valid"}),
           ("STATUS_TCB_REVOKED(46)", 4, {"tcb-status"}),
           ("HSK/CEK chain not available", 4, {"collateral-missing"})]


def check_accepted(vector, policy):
    run = vector.run("--policy", policy)
    run.need(run.status == 0, "accepted when all statuses are")
    status = vector.expected.get("tcb_status")
    run.need(run.json["tcb_status"] == status, f"status {status}")
    if vector.expected.get("advisory_ids") is not None:
        run.need(sorted(run.json["advisory_ids"]) == sorted(vector.expected["advisory_ids"]), "advisories")
        level = vector.expected.get("advisory_ids_tcb_level_only", [])
        run.need(sorted(run.json["advisory_ids_tcb_level_only"]) == sorted(level), "advisories of the level")
    run.need(run.json["platform"] == vector.whole["platform"], "platform")
    custom = bool(vector.root())
    run.need(run.json["anchor"].startswith("custom:") == custom, "which root it was")
    by_default = vector.run()
    wanted = 0 if status in DEFAULT_STATUSES else 4
    by_default.need(by_default.status == wanted, f"status {wanted} by the default policy")
    by_default.need(wanted == 0 or by_default.json["failed_check"] == "tcb-status", "refused for its status")
    if custom:
        unknown = Run(*vector.words(), "--time", vector.time).answered()
        unknown.need(unknown.status == 3, "refused without --root")


def check_fields(vector, policy):
    """The claims are those that stand in the evidence."""
    run = vector.run("--policy", policy)
    claims = run.json["claims"][vector.whole["platform"]]
    fields = vector.whole.get("fields", {})
    for name, value in claims.items():
        if name in fields and isinstance(fields[name], type(value)) and not str(fields[name]).startswith("0x"):
            run.need(fields[name] == value, f"claim {name}")


def check_refused(vector, policy):
    for more in ([], ["--policy", policy]):
        run = vector.run(*more)
        run.need(run.status != 0, "refused")
        run.need(run.json["failed_check"] != "platform", "refused for itself")
        for reason, status, checks in REASONS:
            if vector.expected.get("reject_reason") == reason:
                run.need(run.status == status, f"status {status}")
                run.need(run.json["failed_check"] in checks, f"one of {checks}")


def check_vector(vector, policy):
    if vector.verdict() == "accept":
        check_accepted(vector, policy)
        check_fields(vector, policy)
    elif vector.verdict() == "reject":
        check_refused(vector, policy)
    else:
        vector.run()


def check_unified(vector, policy):
    """The same evidence as a unified report, which brings its collateral along."""
    run = Run("--evidence", vector.path("ual_report.json"), "--time", vector.time, *vector.root(), "--policy", policy)
    run.answered()
    if vector.verdict() == "accept" and vector.whole["fields"].get("cert_data_type", 5) != 5:
        run.need(run.json["failed_check"] == "collateral-missing", "the form has no place for a PCK chain")
        return
    apart = vector.run("--policy", policy)
    run.need(run.json["verdict"] == apart.json["verdict"], "verdict as apart")
    if "mutations" in vector.name:
        return  # what is noticed first may differ: broken collateral breaks the report around it
    for name in ( "tcb_status", "failed_check", "claims", "advisory_ids", "anchor"):
        run.need(run.json[name] == apart.json[name], f"{name} as apart")


def check_mutation(case):
    """With all statuses accepted: a mutation has to be noticed by itself, and not for a status."""
    folder = f"{VECTORS}/mutations"
    run = Run("--evidence", f"{folder}/{case['quote']}", "--collateral", f"{folder}/{case['collateral']}",
              "--time", str(case["verification_time_unix"]), "--policy", case["policy"])
    if case["verification_time_unix"] <= 0:
        run.need(run.status == 1 and run.json["verdict"] == "reject" and run.json["failed_check"] == "time", "no time")
        return
    run.answered()
    wanted = case["expected"]["verdict"]
    run.need(wanted == "unspecified" or run.json["verdict"] == wanted, wanted)


def folders(below):
    parent = os.path.join(VECTORS, below)
    return [os.path.join(parent, name) for name in sorted(os.listdir(parent))
            if os.path.exists(os.path.join(parent, name, "expected.json"))]


def mutations(name, policy):
    with open(f"{VECTORS}/mutations/{name}", encoding="utf-8") as file:
        return [{**json.loads(line), "policy": policy} for line in file if line.strip()]


def jobs(policy):
    """Every check as (name, function, arguments)."""
    for below in ("", "synthetic", "mutations_snp", "mutations_csv"):
        for vector in map(Vector, folders(below)):
            if not vector.has("quote.bin") and not vector.has("report.bin"):
                continue  # certificates without evidence: a test of chains
            yield vector.name, check_vector, (vector, policy)
            if below != "synthetic" and vector.has("ual_report.json"):
                yield vector.name + " as a unified report", check_unified, (vector, policy)
    for case in mutations("manifest.jsonl", policy) + mutations("divergent.jsonl", policy):
        yield f"mutations/{case['base']}/{case['id']}", check_mutation, (case,)


# ---- the command itself --------------------------------------------------------------------------


def check_command_line(policy):
    vector = Vector(f"{VECTORS}/sgx_v3_swh_2025")
    evidence, good = vector.path("quote.bin"), vector.words()
    with tempfile.TemporaryDirectory() as folder:
        empty, junk = f"{folder}/empty", f"{folder}/junk"
        for path, content in ((empty, b""), (junk, b"{\"verdict\":\"accept\"}")):
            with open(path, "wb") as file:
                file.write(content)
        os.mkdir(f"{folder}/nothing")
        for words in (["--time", "0"], ["--time", "-1"], ["--time", "soon"], ["--time", ""], ["--policy", junk],
                      ["--policy", empty], ["--policy", "/nowhere"], ["--root", junk], ["--root", "/nowhere"],
                      ["--report-data", "00"], ["--evidence", evidence], ["--colateral", "x"]):
            run = Run(*good, *words)
            run.need(run.status == 1, "wrong use")
            run.need(run.err.startswith("capsa: ") and run.err.count("\n") == 1, "one line of error")
        run = Run("--evidence", "/nowhere")
        run.need(run.status == 1, "no such file")
        for words, status, check in (
                (["--evidence", empty], 3, "format"),  # A17: nothing is never a success
                (["--evidence", junk], 3, "format"),
                (["--evidence", evidence], 4, "collateral-missing"),
                (["--evidence", evidence, "--collateral", f"{folder}/nothing"], 4, "collateral-missing"),
                (["--evidence", evidence, "--collateral", junk], 3, "collateral-format"),
                (["--evidence", evidence, "--collateral", empty], 3, "collateral-format")):
            run = Run(*words, "--time", vector.time).answered()
            run.need(run.status == status and run.json["failed_check"] == check, f"{status} by {check}")
        bound = vector.whole["fields"]["report_data"]
        run = vector.run("--report-data", bound)
        run.need(run.status == 0, "what is bound")
        run = vector.run("--report-data", "11" * 64)
        run.need(run.status == 2 and run.json["failed_check"] == "report-data", "A14: what is not bound")
        check_reference_values(vector, f"{folder}/values")
        run = Run(*good, "--time", "9999999999").answered()
        run.need(run.status == 4 and run.json["failed_check"] == "expired", "expired")
    check_times(vector)


def check_reference_values(vector, path):
    """The measurement passes; with its last digit changed it is refused, and both values are named."""
    measured = vector.whole["fields"]["mr_enclave"]
    other = measured[:-1] + ("0" if measured[-1] != "0" else "1")
    for value, status in ((measured, 0), (measured.upper(), 0), (other, 2)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"reference_values:\n  - sgx:\n      mr_enclave: '{value}'\n")
        run = vector.run("--policy", path)
        run.need(run.status == status, f"status {status} for {value}")
    run.need(run.json["failed_check"] == "reference-values", "which check")
    run.need(measured in run.json["reason"] and other in run.json["reason"], "both values")


def check_times(vector):
    """Accepted from the first to the last second of the window in which all of it is valid."""
    first, last = vector.whole["valid_window_unix"]
    for time, status in ((first, 0), (last, 0), (last + 1, 4)):
        run = Run(*vector.words(), "--time", str(time)).answered()
        run.need(run.status == status, f"status {status} at {time}")


def check_text(policy):
    """For people: the first line is the verdict."""
    vector = Vector(f"{VECTORS}/tdx_v4_debug_td")
    for words, status, first in ((vector.words(), 3, "refused: debug: "),
                                 (Vector(f"{VECTORS}/tdx_v5_uptodate").words(), 0, "accepted")):
        time = vector.time if status else Vector(f"{VECTORS}/tdx_v5_uptodate").time
        done = subprocess.run([f"{BIN}/capsa", "verify", *words, "--time", time], capture_output=True, timeout=60)
        text = done.stdout.decode()
        assert done.returncode == status and text.startswith(first), (done.returncode, text[:300], done.stderr)
        assert "mr_td" in text and "measured" in text, text


def main():
    if not os.path.isdir(VECTORS):
        print(f"skipped: no recorded vectors at {VECTORS}\n0 passed, 0 failed, 1 skipped")
        return 0
    passed = failed = 0
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="capsa-verify-") as folder, \
            concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        policy = f"{folder}/all-statuses.yaml"
        with open(policy, "w", encoding="utf-8") as file:
            file.write("accepted_tcb_statuses: [" + ", ".join(STATUSES) + "]\n")
        todo = [*jobs(policy), ("the command line", check_command_line, (policy,)), ("text", check_text, (policy,))]
        started = {pool.submit(function, *arguments): name for name, function, arguments in todo
                   if not wanted or any(part in name for part in wanted)}
        for future in concurrent.futures.as_completed(started):
            error = future.exception()
            if error is None:
                passed += 1
            else:
                failed += 1
                print(f"failed {started[future]}: {type(error).__name__}: {error}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
