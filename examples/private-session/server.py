# SPDX-License-Identifier: Apache-2.0
"""Serves app.py under uvicorn with a certificate that proves which program holds its key.

    python server.py --state /run/private-session [--workers 2]
    python server.py --state DIR --simulation SIM        without an enclave: proves nothing

Key and certificate are written before the workers start, so that all of them have the same; at two
thirds of the certificate's life they are made anew, and the workers exchanged one by one. DIR has to
be a folder that nobody outside can read: in an enclave an encrypted one (app.manifest.template).
"""

import argparse
import os
import signal
import sys

import uvicorn

import capsa

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    parser = argparse.ArgumentParser(description="an attested web server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=2, help="2 or more")
    parser.add_argument("--state", required=True, help="the folder of key.pem and cert.pem")
    parser.add_argument("--attester", default="sgx", choices=capsa.attesters())
    parser.add_argument("--simulation", help="a folder of `capsa sim init`, for sim-sgx")
    options = parser.parse_args()
    if options.workers < 2:
        parser.error("one worker cannot be exchanged while it serves: 2 or more are needed")
    os.makedirs(options.state, mode=0o700, exist_ok=True)
    key, cert = os.path.join(options.state, "key.pem"), os.path.join(options.state, "cert.pem")

    identity = capsa.write_key_and_certificate(
        key,
        cert,
        "sim-sgx" if options.simulation else options.attester,
        simulation=options.simulation,
        code=__file__ if options.simulation else None,
    )

    def renewed() -> None:
        identity.write(key_path=key, cert_path=cert)
        os.kill(os.getpid(), signal.SIGHUP)  # uvicorn starts its workers anew, one by one

    def failed(error: Exception) -> None:
        print(f"server: no new certificate yet: {error}", file=sys.stderr, flush=True)

    with capsa.KeepRenewed(identity, on_renew=renewed, on_error=failed):
        uvicorn.run(
            "app:app",
            app_dir=HERE,
            host=options.host,
            port=options.port,
            workers=options.workers,
            ssl_keyfile=key,
            ssl_certfile=cert,
        )


if __name__ == "__main__":
    main()
