# SPDX-License-Identifier: Apache-2.0
"""Does the original's own library take the reports that we write? It is what the Python SDK judges a
manager's GetRaCert by. Run beside `capsa` on recorded evidence of real machines.

It is asked in a process of its own, with the policy that the SDK makes: names, case of the hex
digits, and "" for what is not demanded.
"""

import json
import os
import subprocess
import sys

from harness import CAPSA, VECTORS, Skip, Suite, equal, holds, run, temporary_folder

suite = Suite()
suite.needs("trustflow.attestation.verification")

ASK = """
import sys
from trustflow.attestation.verification import verifier
with open(sys.argv[1]) as report, open(sys.argv[2]) as policy:
    print(verifier.attestation_report_verify(report.read(), policy.read()).code)
"""
PLATFORMS = {"sgx": "SGX_DCAP", "tdx": "TDX", "csv": "CSV"}
MR_ENCLAVE, USER_DATA = slice(48 + 64, 48 + 96), {"sgx": 48 + 320, "tdx": 48 + 520}
PROVED = ("sgx_v3_swh_2025", "tdx_v4_azure_attr0_uptodate")
ENOUGH = 8  # recorded cases, so that an empty folder is no success


def cases():
    """Folders of recorded evidence with the unified report that another program made of it."""
    folder = os.path.join(VECTORS, "attestation")
    if not os.path.isdir(folder):
        raise Skip("there are no recorded vectors of evidence at %s" % folder)
    return [
        os.path.join(folder, name)
        for name in sorted(os.listdir(folder))
        if name[:3] in PLATFORMS and os.path.exists(os.path.join(folder, name, "ual_report.json"))
    ]


def write(name, text):
    path = os.path.join(temporary_folder("original"), name)
    with open(path, "w") as file:
        file.write(text)
    return path


def theirs(report, platform, **attributes):
    """The code of the original's library; 0 is success."""
    wanted = {"str_tee_platform": PLATFORMS[platform], "bool_debug_disabled": "true", **attributes}
    policy = write("policy.json", json.dumps({"main_attributes": [wanted]}))
    done = subprocess.run(
        [sys.executable, "-c", ASK, report, policy], capture_output=True, text=True, timeout=120
    )
    equal(done.returncode, 0, "status of the original's library (%s)" % done.stderr[-500:])
    return int(done.stdout.split()[-1])


def evidence_of(folder):
    names = [name for name in ("quote.bin", "report.bin") if name in os.listdir(folder)]
    return os.path.join(folder, names[0])


def ours(folder):
    """The same evidence and collateral as a report that we write."""
    beside = os.path.join(folder, "collateral.json")
    collateral = beside if os.path.exists(beside) else folder
    out = os.path.join(temporary_folder("ours"), "report.json")
    status, _, text = run(
        CAPSA, "evidence", "convert", "--evidence", evidence_of(folder), "--collateral", collateral,
        "--to", "ual", "--type", "passport", "--out", out,
    )  # fmt: skip
    return out if status == 0 else None


@suite.test
def the_originals_library_answers_alike_to_our_report_and_to_anothers():
    compared = 0
    for folder in cases():
        name = os.path.basename(folder)
        report = ours(folder)
        if report is None:  # what we cannot read we write no report of
            continue
        code = theirs(report, name[:3])
        equal(code, theirs(os.path.join(folder, "ual_report.json"), name[:3]), "code for " + name)
        compared += 1
    holds(compared >= ENOUGH, "only %d cases were compared" % compared)


@suite.test
def what_the_sdk_demands_of_a_manager_is_found_in_our_report():
    for name in PROVED:
        folder, platform = os.path.join(VECTORS, "attestation", name), name[:3]
        if folder not in cases():
            raise Skip("%s is not among the recorded vectors" % name)
        with open(evidence_of(folder), "rb") as file:
            quote = file.read()
        report = ours(folder)
        at = USER_DATA[platform]
        bound = quote[at : at + 32].hex()
        demands = {"hex_user_data": bound, "hex_ta_measurement": "", "hex_signer": ""}
        if platform == "sgx":
            demands["hex_ta_measurement"] = quote[MR_ENCLAVE].hex()
        equal(theirs(report, platform, **demands), 0, "code for " + name)
        upper = {what: text.upper() for what, text in demands.items()}
        equal(theirs(report, platform, **upper), 0, "code for %s in upper case" % name)
        other = bytes([quote[at] ^ 1]) + quote[at + 1 : at + 32]
        wrong = {**demands, "hex_user_data": other.hex()}
        holds(theirs(report, platform, **wrong) != 0, "%s: other user data passed" % name)


suite.main()
