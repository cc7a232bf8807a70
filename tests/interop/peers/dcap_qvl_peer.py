# SPDX-License-Identifier: Apache-2.0
"""The Python package dcap-qvl over standard input and output, as phala.js has it. A process of its own, because a peer that
dies of an input is a finding and not the end of the test."""
import base64
import json
import sys

import dcap_qvl


def verify(asked):
    with open(asked["quote"], "rb") as file:
        quote = file.read()
    with open(asked["collateral"], encoding="utf-8") as file:
        collateral = dcap_qvl.QuoteCollateralV3.from_json(file.read())
    if asked["root"] is None:
        report = dcap_qvl.verify(quote, collateral, asked["time"])
    else:
        with open(asked["root"], encoding="latin-1") as file:
            der = base64.b64decode("".join(line for line in file if not line.startswith("-----")))
        report = dcap_qvl.verify_with_root_ca(quote, collateral, der, asked["time"])
    return {"verdict": "accept", "status": report.status, "advisories": report.advisory_ids}


for line in sys.stdin:
    try:
        answer = verify(json.loads(line))
    except BaseException as error:  # a panic of Rust is no Exception
        answer = {"verdict": "reject", "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
