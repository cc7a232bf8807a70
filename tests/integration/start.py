# SPDX-License-Identifier: Apache-2.0
"""What does capsad start with, what does it refuse, and does it say why?

Flags, the YAML file (the original's as it is), the banner. Everything here runs without any Python
package; only the few tests that also make a call need them.
"""

import os
import subprocess
import sys

sys.path.insert(
    0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "interop")
)

from harness import (
    CAPSAD,
    Server,
    Suite,
    contains,
    equal,
    holds,
    refused_start,
    run,
    temporary_folder,
)
from scene import PACKAGES

suite = Suite()
suite.needs(*PACKAGES)

# The original's configuration file: its keys and its values, paths aside.
ORIGINAL = """
# the port
port: %(port)s   # and a remark

log_config:
  log_dir: %(folder)s/logs
  log_level: info      # info/debug/warn/error
  enable_console_logger: true

tls_config:
  enable_tls: %(tls)s
  server_cert_path: "%(folder)s/server.crt"
  %(spelling)s: "%(folder)s/server.key"
  client_ca_cert_path: "%(folder)s/ca"

storage_config:
  storage_backend: "inmemory"

scheme: "RSA"

enable_inject_cm_key: false
"""


def config(text, **values):
    folder = temporary_folder("config")
    path = os.path.join(folder, "config.yaml")
    with open(path, "w") as file:
        file.write(
            text
            % {
                "folder": folder,
                "port": 0,
                "tls": "false",
                "spelling": "server_cert_key_path",
                **values,
            }
        )
    return path


# What a file should decide stays out of the flags.
FILE_DECIDES = {"port": None, "log_config__log_dir": None, "tls_config__enable_tls": None}


# ---- The mode ---------------------------------------------------------------------------------


@suite.plain_test
def mode_has_no_default():
    refused_start("--mode simulation", "--mode production", mode=None)


@suite.plain_test
def production_is_refused_without_a_platform():
    refused_start("mode production", "platform", mode="production")


@suite.plain_test
def other_modes_are_refused():
    for mode in ("sim", "Simulation", "simulation ", "test", ""):
        refused_start("simulation", "production", mode=mode)


@suite.plain_test
def mode_may_stand_alone_or_in_the_file():
    with Server(mode=None, config_path=config("mode: simulation\n")):
        pass
    folder = temporary_folder("word")
    process = subprocess.Popen(
        [
            CAPSAD,
            "simulation",
            "--port",
            "0",
            "--listen",
            "127.0.0.1",
            "--rsa_bits=2048",
            "--tls_config.enable-tls",
            "false",
            "--log-config.log-dir",
            "",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        contains(
            process.stdout.readline().decode(),
            "capsad: ready: grpc 127.0.0.1:",
            "tls=off admin off",
        )
        holds(
            os.path.exists(os.path.join(folder, "capsa-data", "root.key")),
            "./capsa-data is not the default",
        )
    finally:
        process.terminate()
        equal(process.wait(60), 0, "exit status")


# ---- Keys -------------------------------------------------------------------------------------


@suite.plain_test
def unknown_keys_name_the_nearest():
    refused_start("prot", "port", prot=1)
    refused_start("insecure_client_envs", "insecure_client_env", insecure_client_envs="true")
    refused_start("tls_config.enable_tsl", "tls_config.enable_tls", tls_config__enable_tsl="false")
    refused_start(
        "admin_listener", "admin_listen", config_path=config("admin_listener: 127.0.0.1:0\n")
    )
    refused_start(
        "log_config.log_levl",
        "log_config.log_level",
        config_path=config("log_config:\n  log_levl: info\n"),
    )
    refused_start("enable_tls", "tls_config.enable_tls", config_path=config("enable_tls: false\n"))
    refused_start("anything", "--help", anything_else_entirely_x="1")


@suite.plain_test
def values_are_checked():
    for words, flags in (
        (("port", "65535"), {"port": 65536}),
        (("port", "65535"), {"port": 70051}),
        (("port",), {"port": -1}),
        (("port",), {"port": "http"}),
        (("port",), {"port": ""}),
        (("port",), {"port": "99999999999999999999"}),
        (("rsa_bits", "2048"), {"rsa_bits": 1024}),
        (("rsa_bits",), {"rsa_bits": 2049}),
        (("workers",), {"workers": -1}),
        (("workers",), {"workers": 100000}),
        (("stop_grace_seconds",), {"stop_grace_seconds": -1}),
        (("log_level",), {"log_config__log_level": "loud"}),
        (("enable_tls", "true or false"), {"tls_config__enable_tls": "yes"}),
        (("enable_console_logger",), {"log_config__enable_console_logger": "1"}),
        (("client_auth", "required", "none"), {"tls_config__client_auth": "optional"}),
        (("scheme", "RSA"), {"scheme": "SM2"}),
        (("admin_listen",), {"admin_listen": "9999"}),
        (("admin_listen",), {"admin_listen": "127.0.0.1:99999"}),
        (("admin_listen",), {"admin_listen": "nowhere.invalid:1"}),
        (("no address",), {"listen": "no address"}),
        (("192.0.2.1",), {"listen": "192.0.2.1"}),
        (("mysql", "sqlite", "memory"), {"storage_config__storage_backend": "mysql"}),
        (("mysql",), {"storage_config__db_url": "mysql://u:p@127.0.0.1/x"}),
        (("password",), {"storage_config__password": "secret-password"}),
        (("postgres", "sqlite"), {"storage_config__storage_backend": "postgres"}),
    ):
        text = refused_start(*words, **flags)
        for secret in ("u:p@", "secret-password"):
            holds(secret not in text, "the refusal repeats a password: " + text)


@suite.plain_test
def flags_without_value_or_sense_are_refused():
    for words in (
        ["--port"],
        ["--mode"],
        ["-x"],
        ["--"],
        ["--=1"],
        ["--mode", "simulation", "production"],
        ["simulation", "extra"],
    ):
        status, out, err = run(CAPSAD, *words, timeout=60)
        holds(
            status == 1 and err.startswith("capsad: ") and not out,
            "%r: %d %r %r" % (words, status, out, err),
        )


@suite.plain_test
def values_are_no_commands():
    for value in ("help", "version"):
        with Server(log_config__log_dir=value) as server:
            holds(os.path.exists(os.path.join(server.folder, value)), "no log folder " + value)


@suite.plain_test
def help_version_and_reference_are_printed():
    for word in ("--help", "-h"):
        status, out, _ = run(CAPSAD, word)
        equal(status, 0, "exit status of " + word)
        contains(
            out,
            "--mode",
            "--port",
            "8888",
            "--data_dir",
            "./capsa-data",
            "--insecure_claimed_initiator",
        )
    equal(run(CAPSAD, "--version")[0], 0, "exit status of --version")
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(top, "docs", "reference", "config.md"), encoding="utf-8") as page:
        equal(page.read(), run(CAPSAD, "--print-keys")[1], "docs/reference/config.md")
    status, out, _ = run(CAPSAD, "--print-keys")
    equal(status, 0, "exit status of --print-keys")
    contains(out, "`tls_config.client_auth`", "`tls_config.server_cert_key_path`")


# ---- The file ---------------------------------------------------------------------------------


@suite.plain_test
def D27_originals_file_works_as_it_is():
    for spelling in ("server_cert_key_path", "server_private_key_path"):
        path = config(ORIGINAL, spelling=spelling)
        with Server(config_path=path, **FILE_DECIDES) as server:
            equal(server.tls, "off", "tls")
            holds(
                os.path.exists(os.path.join(os.path.dirname(path), "logs", "monitor.log")),
                "no log where the file says",
            )
            contains(server.stderr(), "memory")


@suite.plain_test
def D27_key_path_is_read_in_both_spellings():
    # The original ignored the one that its own file has, and took a default instead.
    for spelling in ("server_cert_key_path", "server_private_key_path"):
        path = config(ORIGINAL, spelling=spelling, tls="true")
        folder = os.path.dirname(path)
        text = refused_start("server.crt", config_path=path, **FILE_DECIDES)
        holds("/host" not in text, "a default is used: " + text)
        with open(os.path.join(folder, "server.crt"), "w") as file:
            file.write("no certificate")
        refused_start("server.crt", config_path=path, **FILE_DECIDES)


@suite.plain_test
def D27_sections_may_be_left_out():
    for text in (
        "port: 0\n",
        "tls_config:\n  enable_tls: false\n",
        "# nothing\n",
        "",
        "---\n",
        "log_config:\n",
        "port: 0\nlog_config:\n  log_level: warn\n",
    ):
        with Server(config_path=config(text.replace("%", "%%"))):
            pass


@suite.plain_test
def D27_missing_or_broken_files_are_errors():
    refused_start("/nowhere/config.yaml", config_path="/nowhere/config.yaml")
    for text in (
        "port: [",
        "- a\n- b\n",
        "port: 0\nport: 1\n",
        "log_config: 5\n",
        "port: yes\n",
        "port: 1.5\n",
        "tls_config:\n  enable_tls: maybe\n",
        "log_config:\n  log_level: [info]\n",
        "\t\n",
        "a: &x 1\nb: *x\n",
        "port: 0\n...\nport: 0\n",
    ):
        refused_start("config.yaml", config_path=config(text.replace("%", "%%")))


@suite.plain_test
def flags_win_over_the_file():
    path = config("port: 1\ntls_config:\n  enable_tls: true\nmode: production\n")
    with Server(config_path=path) as server:
        holds(server.port > 1, "port is %d" % server.port)


# ---- TLS --------------------------------------------------------------------------------------


@suite.plain_test
def tls_is_on_by_default_and_its_files_are_needed():
    text = refused_start(
        "enable_tls", "/host/resources/cert/server.crt", tls_config__enable_tls=None
    )
    contains(text, "TLS")


@suite.test
def tls_files_must_go_together():
    import parties
    from tls import Tls

    tls, other = Tls("files"), Tls("files-other")
    good = tls.flags()
    refused_start(
        "server.key", **{**good, "tls_config__server_private_key_path": other.path("server.key")}
    )
    refused_start(
        "nothing.key", **{**good, "tls_config__server_private_key_path": tls.path("nothing.key")}
    )
    refused_start("ca", **{**good, "tls_config__client_ca_cert_path": tls.path("none")})
    os.mkdir(tls.path("empty"))
    refused_start("empty", **{**good, "tls_config__client_ca_cert_path": tls.path("empty")})
    tls.write("ca/README", "what is no certificate is passed over")
    pem = parties.pem_of(tls.root)
    for broken in (pem[:100], pem.replace(pem[40:44], "!!!!"), pem[:28] + pem[32:]):
        tls.write("ca/broken.crt", broken)
        refused_start("broken.crt", **good)
    os.unlink(tls.path("ca/broken.crt"))
    with Server(**{**good, "tls_config__client_ca_cert_path": tls.path("ca/root.crt")}) as server:
        equal(server.tls, "mutual", "tls")
    holds(parties.key("files-root", "ec") is tls.root_key, "the root is another")


# ---- The store --------------------------------------------------------------------------------


@suite.plain_test
def data_dir_that_cannot_be_used_is_a_clear_error():
    folder = temporary_folder("blocked")
    blocked = os.path.join(folder, "file")
    with open(blocked, "w") as file:
        file.write("x")
    refused_start(blocked, data_dir=blocked)
    refused_start(blocked, data_dir=os.path.join(blocked, "below"))
    refused_start("/proc", data_dir="/proc/capsa-data")
    refused_start(blocked, log_config__log_dir=blocked)
    os.makedirs(os.path.join(folder, "data", "capsa.db"))
    refused_start("capsa.db", data_dir=os.path.join(folder, "data"))
    other = os.path.join(folder, "other")
    os.mkdir(other, 0o700)
    with open(os.path.join(other, "capsa.db"), "wb") as file:
        file.write(b"SQLite format 3\0" + b"rubbish" * 1000)
    refused_start("capsa.db", data_dir=other)


@suite.plain_test
def port_that_is_taken_is_a_clear_error():
    with Server() as server:
        refused_start(str(server.port), port=server.port)


# ---- The manager's key ------------------------------------------------------------------------


@suite.test
def injected_keys_are_checked():
    import parties

    good, other, ec = (
        parties.plain("injected"),
        parties.plain("other"),
        parties.plain("ec", kind="ec"),
    )
    folder = temporary_folder("injected")
    paths = {}
    for name, text in {
        "good.key": good.key_pem,
        "good.crt": good.pem,
        "other.crt": other.pem,
        "ec.key": ec.key_pem,
        "ec.crt": ec.pem,
        "empty": "",
        "rubbish": "rubbish",
    }.items():
        paths[name] = os.path.join(folder, name)
        with open(paths[name], "w") as file:
            file.write(text)

    def flags(key, cert):
        return {
            "enable_inject_cm_key": "true",
            "cm_private_key_path": paths.get(key, key),
            "cm_cert_path": paths.get(cert, cert),
        }

    refused_start("cm_private_key_path", "/host/resources/cert/cm.key", enable_inject_cm_key="true")
    refused_start("/none.key", **flags("/none.key", "good.crt"))
    refused_start("/none.crt", **flags("good.key", "/none.crt"))
    for key, cert in (
        ("good.key", "other.crt"),
        ("empty", "good.crt"),
        ("rubbish", "good.crt"),
        ("good.key", "empty"),
        ("good.key", "rubbish"),
        ("good.crt", "good.key"),
        ("ec.key", "ec.crt"),
    ):
        refused_start("capsad: ", **flags(key, cert))
    from protocol import Client

    with Server(**flags("good.key", "good.crt")) as server, Client(server.target) as client:
        equal(client.ra_cert().cert, good.pem, "certificate")


# ---- The banner -------------------------------------------------------------------------------


@suite.plain_test
def banner_says_what_runs_and_names_what_is_insecure():
    with Server(admin_listen="127.0.0.1:0") as server:
        contains(server.stderr(), "simulation", "sqlite", str(server.port), "TLS off", server.admin)
        holds("insecure_" not in server.stderr().lower(), "an option is named that is off")
    names = ("insecure_empty_columns_pass", "insecure_claimed_initiator", "insecure_client_env")
    for name in names:
        with Server(log_config__enable_console_logger="false", **{name: "true"}) as server:
            contains(server.stderr(), name)
            for other in set(names) - {name}:
                holds(other not in server.stderr(), "%s is named and off" % other)
    text = "\n".join(name + ": true" for name in names)
    with Server(config_path=config(text)) as server:
        contains(server.stderr(), *names)


suite.main()
