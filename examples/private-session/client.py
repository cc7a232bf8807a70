# SPDX-License-Identifier: Apache-2.0
"""Says hello to a server, and tells it something, if it is the program that it should be.

    python client.py https://host:8000 --mr-enclave HEX
    python client.py https://host:8000 --mr-enclave HEX --simulation SIM     of a simulated server
    python client.py https://host:8443 --mr-enclave HEX --bound              behind `capsa ratls serve`

Exit status 2: refused, and nothing was sent.
"""

import argparse
import sys

import capsa


def main() -> int:
    parser = argparse.ArgumentParser(description="a client of an attested web server")
    parser.add_argument("url")
    parser.add_argument("--mr-enclave", required=True, help="64 hex digits")
    parser.add_argument("--message", default="what nobody else should read")
    parser.add_argument("--bound", action="store_true", help="to the session, not to the key alone")
    parser.add_argument("--collateral", help="a file or folder; without, Intel's servers are asked")
    parser.add_argument("--simulation", help="a folder of `capsa sim init`: proves nothing")
    options = parser.parse_args()

    verifier = capsa.Verifier(
        capsa.Policy.sgx(mr_enclave=options.mr_enclave),
        source=None if options.simulation else capsa.Source(bundle=options.collateral),
        insecure_simulation=options.simulation,
    )
    client = capsa.Client(options.url, verifier, bound=options.bound)
    try:
        hello = client.get()
        proved = hello.verdict.claims["sgx.mr_enclave"].text
        print(f"client: the server runs {proved} (proved by: {hello.verdict.anchor})")
        print("client: GET /:", hello.read().decode())
        print(
            "client: GET /get_headers:", client.get("get_headers", {"X-Mine": "1"}).read().decode()
        )
        said = client.post("log_body", json={"message": options.message})
        print("client: POST /log_body:", said.read().decode())
    except capsa.Refused as refused:
        print(f"client: refused: {refused}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"client: {options.url}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
