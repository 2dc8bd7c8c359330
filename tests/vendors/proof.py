"""The simulator under test, as all checks share it."""

from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import requests

CLIENT_ID = "vendors"
CLIENT_SECRET = "simulator-secret"
CALLBACK = "http://127.0.0.1:9/callback"
LOGIN = "agency@example.com"
GOOGLE_SCOPES = (
    "https://www.googleapis.com/auth/adwords https://www.googleapis.com/auth/analytics.readonly"
)


class Mismatch(Exception):
    """A payload that is not what the vendor's classes expect, or not what is true."""


class Proof:
    """The simulator under test, its tokens, its truth, and how many payloads were right."""

    def __init__(self, base_url):
        self.base_url = base_url.rstrip("/")
        self.payloads = 0
        self.http = requests.Session()
        grant = self._google_grant()
        self.google_token = grant["access_token"]
        self.google_refresh_token = grant["refresh_token"]
        self.meta_token = self._meta_token()
        self.truth = self._json("GET", "/_truth")

    def _json(self, method, path, status=200, **options):
        answer = self.http.request(method, self.base_url + path, timeout=120, **options)
        if answer.status_code != status:
            text = answer.text[:300]
            raise Mismatch(f"{method} {path}: {answer.status_code}, not {status}: {text}")
        return answer.json()

    def _code(self, page, **ask):
        ask |= {
            "client_id": CLIENT_ID,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "login_hint": LOGIN,
        }
        answer = self.http.get(
            self.base_url + page, params=ask, allow_redirects=False, timeout=120
        )
        if answer.status_code != 302:
            raise Mismatch(f"{page}: no redirect but {answer.status_code}")
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    def _google_grant(self):
        code = self._code("/google/o/oauth2/v2/auth", scope=GOOGLE_SCOPES, access_type="offline")
        form = {
            "code": code,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": CALLBACK,
            "grant_type": "authorization_code",
        }
        return self._json("POST", "/google/token", data=form)

    def _meta_token(self):
        query = {
            "code": self._code("/meta/v26.0/dialog/oauth", scope="ads_read,business_management"),
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": CALLBACK,
        }
        return self._json("GET", "/graph/v26.0/oauth/access_token", params=query)["access_token"]

    def google(self, method, path, status=200, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["Authorization"] = f"Bearer {self.google_token}"
        return self._json(method, path, status, json=body, headers=headers)

    def accounts(self, platform):
        """The truth of every account of a platform: (account, first day, last day)."""
        for tenant in self.truth["tenants"]:
            for account in tenant["accounts"]:
                if account["platform"] == platform and account["days"]:
                    yield account, account["days"][0]["date"], account["days"][-1]["date"]

    def total(self, account, figure):
        rows = "rows" if account["platform"] == "google_analytics" else "campaigns"
        return sum(
            (Decimal(row[figure] or 0) for day in account["days"] for row in day[rows]), Decimal(0)
        )

    def fault(self, platform, kind):
        """Orders a fault for the next call of a platform."""
        self._json("POST", "/_control/fault", json={"platform": platform, "kind": kind})

    def passed(self, count=1):
        self.payloads += count

    def equal(self, what, found, expected):
        if found != expected:
            raise Mismatch(f"{what}: {found}, the truth is {expected}")
