# SPDX-License-Identifier: Apache-2.0
"""The original SDK and its command lines, unmodified, as test_sdk.py uses them.

The command lines are the programs that pip installed beside this Python. Their YAML is written in
the style of the original's template: comments, a dash alone on its line, blank values.
"""

import os
import subprocess
import sys

try:
    from sdc.capsule_manager_frame import CapsuleManagerFrame, CredentialsConf, TeeConstraints
except ImportError:  # the script says skipped
    pass

from harness import CAPSA, PATIENCE, check_sanitizers, holds

PROGRAMS = os.path.dirname(sys.executable)


def frame(server, credentials=None, target=None):
    """The SDK's client of a server; credentials: (root, key, chain) as bytes."""
    return CapsuleManagerFrame(
        target or server.target,
        "sim",
        TeeConstraints("", "", "", ""),
        CredentialsConf(*credentials) if credentials else None,
    )


def of(party):
    """The last two arguments of every SDK call."""
    return {
        "cert_pems": [pem.encode() for pem in party.pems],
        "private_key": party.key_pem.encode(),
    }


# ---- Command lines ----------------------------------------------------------------------------


class Failed(Exception):
    pass


class Original:
    """cms and cms_util of the SDK."""

    name = "original"

    def _run(self, program, *arguments):
        return _checked([os.path.join(PROGRAMS, program), *arguments])

    def cms(self, config, verb):
        return self._run("cms", "--config-file", config, verb)

    def util(self, verb, *arguments):
        return self._run("cms_util", verb, *arguments)


class Ours:
    """`capsa cms` and `capsa cms_util`, which take the same arguments."""

    name = "capsa"

    def cms(self, config, verb):
        return _checked([CAPSA, "cms", "--config-file", config, verb])

    def util(self, verb, *arguments):
        return _checked([CAPSA, "cms_util", verb, *arguments])


def _checked(command):
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )
    check_sanitizers(done.stderr)
    if done.returncode:
        raise Failed(
            "%s: status %d: %s" % (" ".join(map(str, command)), done.returncode, done.stderr[-800:])
        )
    return done.stdout


def fails(call, *words):
    """The command must fail, and say the words."""
    try:
        call()
    except Failed as failure:
        for word in words:
            holds(word in str(failure), "%r does not say %r" % (str(failure), word))
        return
    raise AssertionError("the command succeeded")


# ---- YAML -------------------------------------------------------------------------------------


def _scalar(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "'%s'" % value.replace("'", "''")


def yaml(value, depth=0):
    """The template's style; empty lists are blank, as an unused entry of the template is."""
    pad, lines = "  " * depth, []
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, (dict, list)) and member:
                lines.append("%s%s:  # %s" % (pad, name, type(member).__name__))
                lines.append(yaml(member, depth + 1))
            else:
                lines.append(
                    (
                        "%s%s: %s" % (pad, name, "" if member in ({}, []) else _scalar(member))
                    ).rstrip()
                )
    else:
        for member in value:
            if isinstance(member, dict):
                lines.append(pad + "-")
                lines.append(yaml(member, depth + 1))
            else:
                lines.append("%s- %s" % (pad, _scalar(member)))
    return "\n".join(lines)


def write_yaml(path, value):
    with open(path, "w", encoding="utf-8") as file:
        file.write("# written by a test\n---\n" + yaml(value) + "\n")
    return path


def config(target, party, key_file, cert_files, **sections):
    """What cms reads. `tls` among the sections: (root, key, chain) as paths."""
    root, key, chain = sections.pop("tls", (None, None, None))
    return {
        "host": target,
        "tee_plat": "sim",
        "tee_constraints": {"mr_plat": None, "mr_boot": None, "mr_ta": None, "mr_signer": None},
        "root_ca_file": root,
        "private_key_file": key,
        "cert_chain_file": chain,
        "common": {
            "party_id": party.id,
            "cert_pems_file": cert_files,
            "scheme": "RSA",
            "private_key_file": key_file,
        },
        **sections,
    }
