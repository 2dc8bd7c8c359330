#!/usr/bin/env python3
"""Proof that the simulators speak the vendors' own language.

Runs the official clients of Google Analytics and Meta against a running simulator, and parses
every Google Ads payload with the official protobuf classes, where an unknown field, a wrong type
or an unknown name of an enumeration is an error. What the clients read is held against the
simulator's truth.

    check_payloads.py --base-url http://127.0.0.1:8900

The last line on stdout is {"payloads": N}; the exit code is 0 only if every payload was right.
"""

import argparse
import json
import sys

import check_analytics
import check_google_ads
import check_meta
import requests
from proof import Mismatch, Proof


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-url", required=True, help="where the simulators listen")
    try:
        proof = Proof(parser.parse_args().base_url)
        for name, check in (
            ("Google Ads", check_google_ads.check),
            ("Google Analytics", check_analytics.check),
            ("Meta Ads", check_meta.check),
        ):
            before = proof.payloads
            check(proof)
            print(f"{name}: {proof.payloads - before} payloads are right", file=sys.stderr)
    except Mismatch as fault:
        print(f"mismatch: {fault}", file=sys.stderr)
        return 1
    except requests.RequestException as fault:
        print(f"the simulator did not answer: {fault}", file=sys.stderr)
        return 1
    print(json.dumps({"payloads": proof.payloads}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
