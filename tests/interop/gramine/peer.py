# SPDX-License-Identifier: Apache-2.0
"""Both ends of test_gramine_ratls.py, by the published package gramine_ratls and Python's own TLS:

    peer.py write KEY CERT pem|der     a key and a certificate with evidence
    peer.py serve KEY CERT             an HTTPS server with these files; prints its port, then what it is asked
    peer.py ask JSON                   requests by Client: {"url", "client": {...}, "requests": [[method, endpoint, body]]}
    peer.py parse FILE                 what libcapsa finds in a file with a certificate
"""

import ctypes
import http.server
import json
import ssl
import sys


def write(key, cert, form):
    from gramine_ratls.attest import write_ra_tls_key_and_crt

    write_ra_tls_key_and_crt(key, cert, form)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body):
        print("asked %s %s" % (self.command, self.path), flush=True)
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(b"Hello World")

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["content-length"]))[::-1])


class Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # clients that do not like the certificate go away


def serve(key, cert):
    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print("port %d" % server.server_address[1], flush=True)
    server.serve_forever()


def ask(text):
    from gramine_ratls.verify import AttestationError, Client

    asked = json.loads(text)
    try:
        client = Client(asked["url"], **asked["client"])
        answers = []
        for method, endpoint, body in asked["requests"]:
            if method == "GET":
                response = client.get(endpoint)
            else:
                response = client.post(endpoint, data=body.encode())
            answers.append([response.status, response.read().decode()])
        print(json.dumps({"answers": answers}))
    except (AttestationError, TypeError, ValueError) as error:
        print(json.dumps({"error": type(error).__name__, "arguments": [str(x) for x in error.args]}))


def parse(path):
    library = ctypes.CDLL("libcapsa.so.0")
    with open(path, "rb") as file:
        content = file.read()
    certificate, error = ctypes.c_void_p(), ctypes.c_void_p(None)
    new = library.libcapsa_error_new
    new.restype = ctypes.c_void_p
    error = ctypes.c_void_p(new())
    code = library.libcapsa_certificate_parse(
        content, ctypes.c_size_t(len(content)), ctypes.byref(certificate), error
    )
    words = library.libcapsa_error_text if code else library.libcapsa_certificate_form
    words.restype = ctypes.c_char_p
    print(json.dumps({"code": code, "text": words(error if code else certificate).decode()}))
    library.libcapsa_certificate_free(certificate)
    library.libcapsa_error_free(error)


if __name__ == "__main__":
    {"write": write, "serve": serve, "ask": ask, "parse": parse}[sys.argv[1]](*sys.argv[2:])
