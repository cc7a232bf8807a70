#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""capsa.compat.gramine_ratls: the names of the package gramine-ratls, and what it got wrong."""

import ctypes
import inspect
import os
import socket
import ssl
import stat
import warnings

from python_scene import (
    WRONG,
    Suite,
    WebServer,
    contains,
    environment,
    equal,
    harness,
    holds,
    identity,
    measured,
    platform,
    raises,
    read,
)

import capsa
from capsa.compat.gramine_ratls import attest, verify

suite = Suite()
warnings.simplefilter("ignore")  # that simulation proves nothing is told each time; one test asks
CODE = os.path.abspath(__file__)
FLAGS = (False, False, False, False)  # debug, outdated, hw config, sw hardening


def simulated():
    return environment(CAPSA_INSECURE_SIMULATION=platform(), CAPSA_INSECURE_SIMULATION_CODE=CODE)


def client(url, enclave=None, signer=None, product=None, svn=None, flags=FLAGS):
    with simulated():
        return verify.Client(url, enclave, signer, product, svn, *flags)


def served():
    """A server with the two files that the original's server would have written."""
    folder = harness.temporary_folder("gramine")
    with simulated():
        attest.write_ra_tls_key_and_crt(folder + "/key.pem", folder + "/crt.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder + "/crt.pem", folder + "/key.pem")
    return WebServer(context)


@suite.plain_test
def the_signatures_are_the_originals():
    equal(
        list(inspect.signature(verify.Client.__init__).parameters)[1:],
        ["url", "mr_enclave", "mr_signer", "isv_prod_id", "isv_svn", "allow_debug_enclave_insecure",
         "allow_outdated_tcb_insecure", "allow_hw_config_needed", "allow_sw_hardening_needed",
         "protocol"],
        "Client",
    )  # fmt: skip
    equal(list(inspect.signature(verify.Client.get).parameters)[1:], ["endpoint", "headers"])
    equal(
        list(inspect.signature(verify.Client.post).parameters)[1:], ["endpoint", "headers", "data"]
    )
    equal(
        list(inspect.signature(attest.write_ra_tls_key_and_crt).parameters),
        ["key_file_path", "cert_file_path", "format"],
        "write_ra_tls_key_and_crt",
    )
    equal(
        list(inspect.signature(attest.get_pem_bytes_from_der).parameters),
        ["header", "footer", "ctypes_der_ptr", "ctypes_der_size"],
        "get_pem_bytes_from_der",
    )
    holds(not issubclass(verify.AttestationError, capsa.CapsaError), "it is an error of its own")


@suite.plain_test
def key_and_certificate_are_as_gramine_makes_them():
    folder = harness.temporary_folder("files")
    key, crt = folder + "/key", folder + "/crt"
    with simulated():
        attest.write_ra_tls_key_and_crt(key, crt)
        contains(read(key).decode(), "-----BEGIN EC PRIVATE KEY-----\n")
        contains(read(crt).decode(), "-----BEGIN TRUSTED CERTIFICATE-----\n")
        holds(
            read(key).endswith(b"-----\n") and read(crt).endswith(b"-----\n"), "ends of the files"
        )
        equal(stat.S_IMODE(os.stat(key).st_mode), 0o600, "mode of the key")
        shown = harness.run("openssl", "ec", "-in", key, "-noout", "-text")[1]
        contains(shown, "P-384")
        of_key = harness.run("openssl", "pkey", "-in", key, "-pubout")[1]
        of_crt = harness.run("openssl", "x509", "-in", crt, "-noout", "-pubkey")[1]
        holds(of_key and of_key == of_crt, "key and certificate do not belong together")
        # Gramine's own bytes, and DICE's.
        der = capsa.Certificate(read(crt)).der
        holds(bytes.fromhex("060b06092a864886f84d8a3906") in der, "Gramine's form")
        holds(bytes.fromhex("0606678105050409") in der, "DICE's form")
        attest.write_ra_tls_key_and_crt(key, crt, format="der")
        equal(read(key)[:1] + read(crt)[:1], b"\x30\x30", "DER")
        raises(ValueError, lambda: attest.write_ra_tls_key_and_crt(key, crt, "text"), "text")
        equal(sorted(os.listdir(folder)), ["crt", "key"], "files that are left")


@suite.plain_test
def der_becomes_pem_from_any_pointer():
    der = bytes(range(100))
    buffer = (ctypes.c_ubyte * len(der)).from_buffer_copy(der)
    pointer = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ubyte))
    made = attest.get_pem_bytes_from_der(
        "-----BEGIN CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n",
        pointer,
        ctypes.c_size_t(100),
    )
    equal(made[-1:], b"\x00", "the NUL at its end")
    equal(made[:-1].decode(), ssl.DER_cert_to_PEM_cert(der), "PEM")


@suite.plain_test
def simulation_announces_itself():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        client("https://host", measured(CODE))
    contains(str(told[0].message), "proves nothing")
    with environment(CAPSA_INSECURE_SIMULATION=None):
        with served() as server:
            strict = verify.Client(server.url, measured(CODE), None, None, None, *FLAGS)
            raises(verify.AttestationError, lambda: strict.get("x"))
            server.was_told_nothing()


@suite.plain_test
def headers_are_delivered_and_the_query_stays_one():
    """The original drops the headers, and joins path and query without a question mark."""
    with served() as server:
        asked = client(server.url + "/base?key=1", measured(CODE)).get("x", {"X-One": "1"})
        asked = __import__("json").loads(asked.read())
        equal(asked["line"], "GET /base/x?key=1 HTTP/1.1", "request line")
        equal(asked["headers"]["x-one"], "1", "header")
        asked = client(server.url, measured(CODE)).post("x", {"X-Two": "2"}, "a body")
        asked = __import__("json").loads(asked.read())
        equal((asked["headers"]["x-two"], asked["body"]), ("2", "a body"), "post")


@suite.plain_test
def each_value_is_compared_and_0_is_one():
    """The original takes 0 for "any", and fails on every other number."""
    mine = capsa.Certificate(identity(code=CODE).certificate()).evidence()
    quote = bytes(mine)
    signer = quote[176:208].hex()
    product = int.from_bytes(quote[304:306], "little")
    svn = int.from_bytes(quote[306:308], "little")
    other = 1 if product == 0 else 0
    with served() as server:
        for wanted in (
            dict(enclave=measured(CODE)),
            dict(enclave=measured(CODE).upper(), signer=signer),
            dict(signer=signer),
            dict(signer=signer, product=product, svn=svn),
            dict(signer=signer, product=str(product), svn="0"),
            dict(enclave=measured(CODE), signer="any", product=False, svn=False),
        ):
            equal(client(server.url, **wanted).get("x").status, 200, repr(wanted))
        before = server.received
        for wanted, name in (
            (dict(enclave=WRONG), "mr_enclave"),
            (dict(enclave=measured(CODE), signer=WRONG), "mr_signer"),
            (dict(enclave=measured(CODE), product=other), "isv_prod_id"),
            (dict(enclave=measured(CODE), svn=svn + 1), "isv_svn"),
        ):
            refused = raises(
                verify.AttestationError,
                lambda wanted=wanted: client(server.url, **wanted).post("x", data="a secret"),
                name,
            )
            equal(refused.check, "reference-values", repr(wanted))
            holds(refused.verdict is not None, "the verdict")
        server.settled()
        equal(server.received, before, "what the server received")


@suite.plain_test
def wrong_arguments_are_the_originals_errors():
    for error, arguments in (
        (ValueError, ("http://host", measured(CODE), None, None, None)),
        (TypeError, ("https://host", None, None, 1, 1)),
        (TypeError, ("https://host", "any", False, 1, 1)),
        (ValueError, ("https://host", "77", None, None, None)),
        (ValueError, ("https://host", measured(CODE), None, 70000, None)),
        (ValueError, ("https://host", measured(CODE), None, None, "0x1")),
        (ValueError, ("https://host", measured(CODE), None, True, None)),
    ):
        raises(error, lambda a=arguments: verify.Client(*a, *FLAGS))
    raises(
        ValueError,
        lambda: verify.Client("https://h", measured(CODE), None, None, None, *FLAGS, "epid"),
        "dcap",
    )


@suite.plain_test
def flags_allow_what_they_name_and_nothing_more():
    allowed = lambda *flags: verify._statuses(*flags)  # noqa: E731
    equal(allowed(False, False, False), ["UpToDate"])
    equal(allowed(False, False, True), ["UpToDate", "SWHardeningNeeded"])
    equal(allowed(False, True, False), ["UpToDate", "ConfigurationNeeded"])
    equal(
        allowed(False, True, True),
        [
            "UpToDate",
            "SWHardeningNeeded",
            "ConfigurationNeeded",
            "ConfigurationAndSWHardeningNeeded",
        ],
    )
    equal(allowed(True, False, False), ["UpToDate", "OutOfDate"])
    holds("OutOfDateConfigurationNeeded" in allowed(True, True, False), "both together")
    for flags in ((True,) * 4, FLAGS):  # the policy that is made of them can be read
        client("https://host", measured(CODE), flags=flags)


@suite.plain_test
def clients_share_no_state():
    """The original writes what one client wants into the environment of all."""
    with served() as server:
        before = dict(os.environ)
        good, bad = client(server.url, measured(CODE)), client(server.url, WRONG)
        equal(good.get("x").status, 200, "the right one")
        raises(verify.AttestationError, lambda: bad.get("x"))
        equal(good.get("x").status, 200, "the right one again")
        equal(dict(os.environ), before, "the environment")


@suite.plain_test
def a_server_may_think_for_as_long_as_the_original_let_it():
    """Which is for ever, or as the program says of all its sockets."""
    made = lambda: client("https://host", measured(CODE))._client._timeout  # noqa: E731
    equal(made(), None, "seconds")
    socket.setdefaulttimeout(7.5)
    try:
        equal(made(), 7.5, "seconds")
    finally:
        socket.setdefaulttimeout(None)


@suite.plain_test
def collateral_that_the_server_brings_counts_for_nothing():
    """It is the choice of a platform that may be out of date, or revoked, by now."""
    own = os.path.join(harness.temporary_folder("own"), "sim")
    equal(harness.run(harness.CAPSA, "sim", "init", own)[0], 0, "capsa sim init")
    made = capsa.Identity("sim-sgx", simulation=own, code=CODE, endorsements=True)
    with WebServer(capsa.server_context(made)) as server:
        with environment(CAPSA_INSECURE_SIMULATION=own):
            asking = verify.Client(server.url, measured(CODE), None, None, None, *FLAGS)
        equal(asking.get("x").status, 200, "by our own")
        os.remove(own + "/sgx/collateral.json")
        refused = raises(verify.AttestationError, lambda: asking.get("x"))
        equal(refused.check, "collateral-missing", str(refused))


@suite.plain_test
def settings_of_intels_library_are_read():
    folder = harness.temporary_folder("qcnl")
    with open(folder + "/qcnl.conf", "w") as file:
        file.write(
            '{"pccs_url": "https://127.0.0.1:9/sgx/certification/v4/", "use_secure_cert": false}'
        )
    with environment(QCNL_CONF_PATH=folder + "/qcnl.conf", CAPSA_INSECURE_SIMULATION=None):
        verify.Client("https://host", measured(CODE), None, None, None, *FLAGS)
    with environment(QCNL_CONF_PATH=folder + "/none", CAPSA_INSECURE_SIMULATION=None):
        raises(
            capsa.CapsaError,
            lambda: verify.Client("https://host", measured(CODE), None, None, None, *FLAGS),
            "none",
        )


if __name__ == "__main__":
    suite.main()
