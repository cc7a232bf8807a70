#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`capsa verify` beside verifiers by others, on the same quotes and collateral: everything that is recorded (real, mutated,
under a throw-away root) and the corpus of the forged-evidence lab. Peers are the Python package dcap-qvl and, where node
and its registry can be had, @phala/dcap-qvl.

Every difference must be one of DIFFERENCES, where it has its reason; and each of those must be met, or it is no longer true.
CAPSA_BIN is the folder of the program, CAPSA_VECTORS that of recorded vectors, CAPSA_PEERS that of node_modules.
Ends with a line "N passed, N failed, N skipped"."""
import collections
import concurrent.futures
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.path.abspath(os.environ.get("CAPSA_BIN", os.path.join(ROOT, "build/bin")))
VECTORS = os.path.abspath(os.environ.get("CAPSA_VECTORS", os.path.join(ROOT, "../shared/vectors")) + "/attestation")
PEERS = os.path.abspath(os.environ.get("CAPSA_PEERS", os.path.join(ROOT, "build/peers")))
STATUSES = ["UpToDate", "SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
            "OutOfDateConfigurationNeeded", "TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"]

# ---- what may differ -----------------------------------------------------------------------------------------------------
#
# Which peers, what happened, a pattern, and why we stay with our answer.
#   we       we refuse and they do not; the pattern is over our failed check and reason
#   they     they refuse and we do not; the pattern is over their error
#   status   both accept with another status or other advisories; over "name: ours/theirs"

PY, JS, BOTH = ("dcap-qvl",), ("@phala/dcap-qvl",), ("dcap-qvl", "@phala/dcap-qvl")
Difference = collections.namedtuple("Difference", "peers what pattern reason")
DIFFERENCES = [Difference(*row) for row in (
    # What they do not take, and Intel's library does.
    (BOTH, "they", r"missing field `sgxtcbcomponents`|reading 'map'", "TCB Info of version 2 is Intel's too"),
    (BOTH, "they", r"CaUsedAsEndEntity", "the order of a chain means nothing"),
    (BOTH, "they", r"SGX TEE quote must have version", "SGX quotes of version 4 and 5 are defined"),
    (PY, "they", r"Invalid QE auth data length", "authentication data of any length is hashed as it is"),
    (JS, "they", r"QE report hash mismatch", "the same: they hash 32 bytes, whatever the length"),
    (BOTH, "they", r"(?i)invalid mr service td", "a service TD is a matter of policy"),
    (BOTH, "they", r"SEPT_VE_DISABLE is not enabled", "an attribute of the TD is a matter of policy"),
    (BOTH, "they", r"TD migration is enabled|Reserved bits in TD attributes", "an attribute of the TD is a matter of policy"),
    (JS, "they", r"No matching TCB level found", "components 0 and 1 are the module's, which its identity judges"),
    # Chains and roles.
    (PY, "we", r"^chain: PCK chain: no certificate of the chain names itself|^chain: the root CA: .*signature",
     "they leave the root of the quote's chain aside; ours has to be whole"),
    (BOTH, "we", r"^chain: .*its common name is", "a certificate plays the role that its name says, or none"),
    (BOTH, "we", r"^chain: .*lacks cRLDistributionPoints", "Intel's library wants the extension"),
    (PY, "we", r"^chain: the identity's issuer chain: 1 certificates", "a chain of signers is two certificates"),
    (JS, "we", r"^chain: .*do not say that it is a CA", "who issues must be a CA"),
    (PY, "we", r"^expired: ", "a root that has expired expires all below it"),
    # Revocation lists.
    (JS, "we", r"^collateral-missing: the collateral has no (pck_crl|root_ca_crl)", "they take empty revocation lists"),
    (JS, "we", r"^crl: ", "they do not verify revocation lists"),
    (JS, "we", r"^expired: ", "they do not look at the dates of revocation lists"),
    (BOTH, "we", r"^not-yet-valid: ", "a revocation list that is not valid yet is none"),
    # Layout.
    (BOTH, "we", r"^format: .*outer certification type", "they do not look at the outer type"),
    (BOTH, "we", r"^format: .*outer certification size", "lengths have to use up what they are lengths of"),
    (BOTH, "we", r"^format: .*authentication data: 1 bytes behind the end", "lengths have to use up what they are lengths of"),
    (JS, "we", r"^format: .*vendor is not Intel", "they do not look at the quoting enclave's vendor"),
    (JS, "we", r"^format: .*body size", "they do not look at the size of a body"),
    # TCB Info.
    (BOTH, "we", r"^collateral-match: PCE-ID", "they do not compare PCE-IDs"),
    (BOTH, "we", r"^tcb-info: .*two levels are of the same TCB", "two levels of one TCB contradict each other"),
    (BOTH, "we", r"^tcb-info: .*(tcbType|version): ", "Intel's library takes no other"),
    (JS, "we", r"^tcb-info: .*the same member twice", "which of them was meant nobody can say"),
    (JS, "we", r"^tcb-info: .*tdxModuleIdentities", "they do not read identities of TDX modules"),
    (JS, "we", r"^tdx-module: ", "they do not check the TDX module"),
    (JS, "we", r"^tcb-level: ", "they do not judge the TDX module's level"),
    (JS, "we", r"^tcb-status: .*Revoked", "they do not judge the TDX module, and take levels as listed"),
    # Statuses.
    (BOTH, "status", r"^cpusvn_ext_differs_from_comps: ", "the components decide, as in Intel's library"),
    (JS, "status", r"(unsorted|A0_unsorted).*: ", "levels are judged from the highest down, however they are listed"),
    (JS, "status", r": OutOfDateConfigurationNeeded/OutOfDate$", "a configuration that is needed stays so"),
    (JS, "status", r": TDRelaunchAdvised\w*/OutOfDate$", "they have no relaunch rule"),
    (JS, "status", r"^(tdx_|relaunch_|A6_module_).*: \w+/OutOfDate$",
     "they compare components 0 and 1, and know no advisories of modules"),
)]


# ---- cases -----------------------------------------------------------------------------------------------------------------


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def case(name, quote, collateral, root, time):
    return dict(name=name, quote=quote, collateral=collateral, root=root, time=time)


def recorded(folder):
    """Folders of quotes with what is expected; SNP and CSV are another test's."""
    for name in sorted(os.listdir(folder)):
        one = f"{folder}/{name}"
        if os.path.exists(f"{one}/quote.bin") and os.path.exists(f"{one}/expected.json"):
            about = read(f"{one}/expected.json")
            root = about.get("trusted_root")
            yield case(name, f"{one}/quote.bin", f"{one}/collateral.json", root and f"{one}/{root}", about["verification_time_unix"])


def mutations(file_name):
    folder = f"{VECTORS}/mutations"
    with open(f"{folder}/{file_name}", encoding="utf-8") as file:
        for line in filter(str.strip, file):
            one = json.loads(line)
            yield case(f"{one['base']}/{one['id']}", f"{folder}/{one['quote']}", f"{folder}/{one['collateral']}", None,
                       one["verification_time_unix"])


def forged(room):
    """The whole corpus of a simulated platform; nothing where the build has none."""
    if subprocess.run([f"{BIN}/capsa", "sim", "init", f"{room}/sim"], capture_output=True).returncode != 0:
        return
    subprocess.run([f"{BIN}/capsa", "sim", "forge", f"{room}/sim", "--corpus", f"{room}/corpus"], check=True, capture_output=True)
    for name in sorted(os.listdir(f"{room}/corpus")):
        one = f"{room}/corpus/{name}"
        root = f"{one}/root.pem" if os.path.exists(f"{one}/root.pem") else None
        if os.path.exists(f"{one}/collateral.json"):
            yield case(name, f"{one}/evidence.bin", f"{one}/collateral.json", root,
                       read(f"{one}/expected.json")["verification_time_unix"])


def all_cases(room):
    found = list(forged(room))
    if os.path.isdir(VECTORS):
        found += [*recorded(VECTORS), *recorded(f"{VECTORS}/synthetic"), *mutations("manifest.jsonl"), *mutations("divergent.jsonl")]
    return found


# ---- answers ---------------------------------------------------------------------------------------------------------------


def ours(one, policy):
    words = ["--root", one["root"]] if one["root"] else []
    done = subprocess.run([f"{BIN}/capsa", "verify", "-o", "json", "--evidence", one["quote"], "--collateral", one["collateral"],
                           "--time", str(one["time"]), "--policy", policy, *words], capture_output=True, text=True, timeout=120)
    answer = json.loads(done.stdout)
    if answer["verdict"] == "accept":
        return dict(verdict="accept", status=answer["tcb_status"], advisories=answer["advisory_ids"])
    return dict(verdict="reject", error=f"{answer['failed_check']}: {answer['reason']}")


def theirs(command, cases):
    """A peer answers line by line; one that dies leaves the rest unanswered, which fails them."""
    asked = "".join(json.dumps(one) + "\n" for one in cases)
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=1200)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    died = dict(verdict="none", error=f"the peer ended with {done.returncode}: {done.stderr[-300:]}")
    return answers + [died] * (len(cases) - len(answers))


def peers():
    """Name and command of each that is there."""
    found, missing = [], []
    if importlib.util.find_spec("dcap_qvl") is not None:
        found.append(("dcap-qvl", [sys.executable, f"{HERE}/peers/dcap_qvl_peer.py"]))
    else:
        missing.append("dcap-qvl is not installed (its registry was not reached)")
    if shutil.which("node") and os.path.isdir(f"{PEERS}/node_modules/@phala/dcap-qvl"):
        found.append(("@phala/dcap-qvl", ["node", f"{HERE}/peers/phala.js", PEERS]))
    else:
        missing.append("@phala/dcap-qvl is not installed (./dev test --full does it, where its registry can be reached)")
    return found, missing


# ---- comparing -------------------------------------------------------------------------------------------------------------


def difference(one, mine, other):
    """What happened, and the text that says what is different; None when nothing is."""
    if mine["verdict"] != "accept" and other["verdict"] != "accept":
        return None if other["verdict"] == "reject" else ("died", other["error"])
    if mine["verdict"] != "accept":
        return "we", mine["error"]
    if other["verdict"] != "accept":
        return "they", other["error"]
    if mine["status"] == other["status"] and sorted(mine["advisories"]) == sorted(other["advisories"]):
        return None
    return "status", f"{one['name']}: {mine['status']}/{other['status']}"


def explained(peer, found):
    return next((row for row in DIFFERENCES if peer in row.peers and row.what == found[0] and re.search(row.pattern, found[1])), None)


def compare(peer, cases, mine, other, met):
    failed = 0
    for one, left, right in zip(cases, mine, other):
        found = difference(one, left, right)
        row = explained(peer, found) if found else None
        met[peer, row] += 1
        if found and row is None:
            failed += 1
            print(f"failed {one['name']}: {peer} differs: {found[0]}: {found[1]}\n  ours {left}\n  theirs {right}")
    return failed


def unmet(peer, met):
    """Differences that are not there any more. Which there are depends on the recorded cases."""
    gone = [row for row in DIFFERENCES if peer in row.peers and met[peer, row] == 0]
    for row in gone:
        print(f"failed: {peer} no longer differs in \"{row.pattern}\": {row.reason}")
    return len(gone)


def run(room, found):
    policy = f"{room}/all-statuses.yaml"
    with open(policy, "w", encoding="utf-8") as file:
        file.write("accepted_tcb_statuses: [" + ", ".join(STATUSES) + "]\n")
    cases = all_cases(room)
    passed = failed = 0
    met = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(max_workers=2 + len(found)) as pool:
        asked = [(name, pool.submit(theirs, command, cases)) for name, command in found]
        mine = list(pool.map(lambda one: ours(one, policy), cases))
        for name, answers in asked:
            bad = compare(name, cases, mine, answers.result(), met)
            failed += bad
            passed += len(cases) - bad
            if os.path.isdir(VECTORS):
                failed += unmet(name, met)
            print(f"{name}: {len(cases)} cases, {met[name, None] - bad} with the same answer")
    return passed, failed


def main():
    found, missing = peers()
    for why in missing:
        print(f"skipped: {why}")
    passed = failed = 0
    if found:
        with tempfile.TemporaryDirectory(prefix="capsa-peers-") as room:
            passed, failed = run(room, found)
    if not os.path.isdir(VECTORS):
        print(f"skipped: no recorded vectors at {VECTORS}")
    print(f"{passed} passed, {failed} failed, {len(missing) + (not os.path.isdir(VECTORS))} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
