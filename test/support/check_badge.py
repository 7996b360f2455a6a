"""Judges badges by openbadgeslib, offline: one line for each, `accepted` or why not. Reads {"issuer", "documents": {address: document}, "badges"}."""

import json
import sys

from openbadgeslib.ob3.ldp import OB3LdpVerifier

asked = json.load(sys.stdin)


def download(address, *_, **__):
    return json.dumps(asked["documents"][address]).encode()


def judge(badge):
    issuer = asked["issuer"]
    try:
        # Of a status list it verifies the form with a JWT only, and ours has proofs like all that we sign.
        OB3LdpVerifier.for_issuer_did(issuer).verify(
            json.dumps(badge), check_status=True, verify_status_list=False, download=download
        )
        return "accepted"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


for each in asked["badges"]:
    print(json.dumps(judge(each)))
