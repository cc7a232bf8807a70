# SPDX-License-Identifier: Apache-2.0
"""A server of collateral that answers with what was recorded, well and badly."""

import http.server
import json
import ssl
import threading
import urllib.parse


def read(path):
    with open(path, "rb") as file:
        return file.read()


def load(path):
    return json.loads(read(path))


class Answer:
    def __init__(self, body=b"", status=200, headers=None, cut=0, hang=False, redirect=None):
        self.body, self.status, self.headers = body, status, dict(headers or {})
        self.cut, self.hang = cut, hang
        if redirect:
            self.headers["Location"] = redirect


class Server(http.server.ThreadingHTTPServer):
    """Answers by path and query; remembers what was asked. `with` closes it, and lets what hangs go."""

    daemon_threads = True

    def __init__(self, answers, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.closing = answers, [], threading.Event()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that goes away in the middle is what is tested

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        answer = self.server.answers.get(self.path, Answer(status=404))
        if answer.hang:
            self.server.closing.wait()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) - answer.cut])

    def log_message(self, *_):
        pass


def fields(folder):
    return load(f"{folder}/expected.json")["fields"]


def tcb_of(folder):
    return json.loads(load(f"{folder}/collateral.json")["tcb_info"])


def ca_of(folder):
    crl = bytes.fromhex(load(f"{folder}/collateral.json")["pck_crl"])
    return "platform" if b"PCK Platform CA" in crl else "processor"


def paths(folder):
    """Where a PCCS has what: name -> path and query."""
    tee = "tdx" if "/tdx" in folder else "sgx"
    return {
        "tcb": f"/{tee}/certification/v4/tcb?fmspc={tcb_of(folder)['fmspc'].lower()}",
        "identity": f"/{tee}/certification/v4/qe/identity",
        "crl": f"/sgx/certification/v4/pckcrl?ca={ca_of(folder)}&encoding=der",
        "root": "/sgx/certification/v4/rootcacrl",
    }


def pccs(folder, **changed):
    """A whole PCCS made of a recorded folder; `changed` replaces answers by name."""
    c, at = load(f"{folder}/collateral.json"), paths(folder)
    quoted = urllib.parse.quote
    answers = {
        "tcb": Answer(
            ('{"tcbInfo":' + c["tcb_info"] + ',"signature":"' + c["tcb_info_signature"] + '"}').encode(),
            headers={"TCB-Info-Issuer-Chain": quoted(c["tcb_info_issuer_chain"])},
        ),
        "identity": Answer(
            (
                '{"enclaveIdentity":' + c["qe_identity"] + ',"signature":"' + c["qe_identity_signature"] + '"}'
            ).encode(),
            headers={"SGX-Enclave-Identity-Issuer-Chain": quoted(c["qe_identity_issuer_chain"])},
        ),
        "crl": Answer(
            bytes.fromhex(c["pck_crl"]),
            headers={"SGX-PCK-CRL-Issuer-Chain": quoted(c["pck_crl_issuer_chain"])},
        ),
        "root": Answer(c["root_ca_crl"].encode()),
    }
    answers.update(changed)
    return {at[name]: answer for name, answer in answers.items()}
