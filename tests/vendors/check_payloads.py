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
PURCHASE = "offsite_conversion.fb_pixel_purchase"


class Mismatch(Exception):
    """A payload that is not what the vendor's classes expect, or not what is true."""


class Proof:
    """The simulator under test, its tokens, its truth, and how many payloads were right."""

    def __init__(self, base_url):
        self.base_url = base_url.rstrip("/")
        self.payloads = 0
        self.http = requests.Session()
        self.google_token = self._google_token()
        self.meta_token = self._meta_token()
        self.truth = self._json("GET", "/_truth")

    def _json(self, method, path, status=200, **options):
        answer = self.http.request(method, self.base_url + path, timeout=120, **options)
        if answer.status_code != status:
            raise Mismatch(f"{method} {path}: {answer.status_code}, not {status}: {answer.text[:300]}")
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

    def _google_token(self):
        code = self._code("/google/o/oauth2/v2/auth", scope=GOOGLE_SCOPES, access_type="offline")
        form = {
            "code": code,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "redirect_uri": CALLBACK,
            "grant_type": "authorization_code",
        }
        return self._json("POST", "/google/token", data=form)["access_token"]

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

    def passed(self, count=1):
        self.payloads += count

    def equal(self, what, found, expected):
        if found != expected:
            raise Mismatch(f"{what}: {found}, the truth is {expected}")


def check_google_ads(proof):
    """Every payload through the protobuf classes of v26."""
    from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
    from google.ads.googleads.v26.services.types import customer_service, google_ads_service
    from google.protobuf import json_format
    from google.rpc.status_pb2 import Status

    def parse(message, payload, what):
        try:
            parsed = json_format.ParseDict(payload, message.pb()(), ignore_unknown_fields=False)
        except json_format.ParseError as fault:
            raise Mismatch(f"{what}: {fault}") from fault
        proof.passed()
        return parsed

    def stream(customer, query, status=200):
        path = f"/v26/customers/{customer}/googleAds:searchStream"
        return proof.google("POST", path, status, {"query": query}, login_customer_id=manager)

    listed = parse(
        customer_service.ListAccessibleCustomersResponse,
        proof.google("GET", "/v26/customers:listAccessibleCustomers"),
        "listAccessibleCustomers",
    )
    manager = listed.resource_names[0].removeprefix("customers/")
    chunk_type = google_ads_service.SearchGoogleAdsStreamResponse

    clients = stream(
        manager,
        "SELECT customer_client.client_customer, customer_client.level, customer_client.id, "
        "customer_client.manager, customer_client.time_zone, customer_client.currency_code, "
        "customer_client.descriptive_name, customer_client.status, customer_client.test_account, "
        "customer_client.hidden FROM customer_client",
    )
    found = {
        str(row.customer_client.id)
        for chunk in clients
        for row in parse(chunk_type, chunk, "customer_client").results
        if not row.customer_client.manager
    }
    expected = {account["account_id"] for account, _, _ in proof.accounts("google_ads")}
    proof.equal("clients of the manager", found, expected)

    for account, first, last in proof.accounts("google_ads"):
        identifier = account["account_id"]
        for chunk in stream(
            identifier,
            "SELECT campaign.id, campaign.name, campaign.status, "
            "campaign.advertising_channel_type, campaign.bidding_strategy_type, "
            "campaign.start_date_time, campaign.end_date_time, campaign_budget.id, "
            "campaign_budget.amount_micros, campaign.campaign_budget FROM campaign",
        ):
            parse(chunk_type, chunk, f"campaigns of {identifier}")
        daily = (
            "SELECT customer.id, customer.currency_code, customer.time_zone, campaign.id, "
            "campaign.name, campaign.status, campaign.advertising_channel_type, segments.date"
            "{segments}, metrics.impressions, metrics.clicks, metrics.cost_micros, "
            "metrics.conversions, metrics.conversions_value, metrics.all_conversions, "
            "metrics.all_conversions_value, metrics.view_through_conversions, "
            "metrics.interactions, metrics.ctr, metrics.average_cpc FROM campaign "
            f"WHERE segments.date BETWEEN '{first}' AND '{last}'"
        )
        for segments in ("", ", segments.device, segments.ad_network_type"):
            chunks = stream(identifier, daily.format(segments=segments))
            parsed = [parse(chunk_type, chunk, f"days of {identifier}") for chunk in chunks]
            rows = [row for chunk in parsed for row in chunk.results]
            for figure, read in (
                ("impressions", lambda row: row.metrics.impressions),
                ("clicks", lambda row: row.metrics.clicks),
                ("cost", lambda row: Decimal(row.metrics.cost_micros) / 1_000_000),
            ):
                proof.equal(
                    f"{figure} of {identifier}{segments}",
                    sum(map(read, rows)),
                    proof.total(account, figure),
                )
        page = proof.google(
            "POST",
            f"/v26/customers/{identifier}/googleAds:search",
            body={
                "query": daily.format(segments=""),
                "searchSettings": {"returnTotalResultsCount": True},
            },
            login_customer_id=manager,
        )
        parse(google_ads_service.SearchGoogleAdsResponse, page, f"search of {identifier}")

        empty = stream(
            identifier,
            "SELECT campaign.id, segments.date, metrics.clicks FROM campaign "
            "WHERE segments.date = '2099-01-01'",
        )
        for chunk in empty:
            parse(chunk_type, chunk, f"an empty answer of {identifier}")

    def check_failure(envelope, what):
        error = dict(envelope["error"])
        if set(error) != {"code", "message", "status", "details"}:
            raise Mismatch(f"{what}: the envelope has the keys {sorted(error)}")
        error.pop("status")
        try:
            # The type's name in `details` must be one that the vendor's classes register.
            status = json_format.ParseDict(error, Status(), ignore_unknown_fields=False)
        except json_format.ParseError as fault:
            raise Mismatch(f"{what}: {fault}") from fault
        failure = GoogleAdsFailure.pb()()
        if not status.details[0].Unpack(failure) or not failure.errors:
            raise Mismatch(f"{what}: the details hold no GoogleAdsFailure")
        code = failure.errors[0].error_code
        which = code.WhichOneof("error_code")
        if which is None or getattr(code, which) < 2:
            raise Mismatch(f"{what}: the error code is unknown to the vendor's classes")
        proof.passed()

    account = next(proof.accounts("google_ads"))[0]["account_id"]
    for query in (
        "",
        "SELECT campaign.id",
        "SELECT campaign.start_date FROM campaign",
        "SELECT campaign.id FROM campain",
        "SELECT segments.date FROM campaign",
        "SELECT campaign.id FROM campaign WHERE segments.date = 'May'",
        "SELECT campaign.id FROM campaign WHERE segments.date BETWEEN '2024-02-02' AND '2024-02-01'",
        "SELECT campaign.id FROM campaign WHERE campaign.name = 'x",
        "SELECT campaign.id FROM campaign WHERE campaign.id ~ 3",
        "SELECT campaign.id FROM campaign WHERE campaign.id LIKES 3",
        "SELECT campaign.id FROM campaign WHERE",
        "SELECT campaign.id FROM campaign WHERE segments.date DURING ALWAYS",
        "SELECT campaign.id FROM campaign LIMIT 0",
        "SELECT campaign.id FROM customer",
        "SELECT metrics.clicks FROM customer_client",
        "SELECT segments.device FROM customer_client",
        "SELECT campaign.id FROM campaign ORDER BY metrics.clicks",
    ):
        check_failure(stream(account, query, 400)[0], f"the error for {query!r}")
    check_failure(
        stream(manager, "SELECT campaign.id, metrics.clicks FROM campaign", 400)[0],
        "metrics of a manager",
    )
    search = f"/v26/customers/{account}/googleAds:search"
    query = {"query": "SELECT campaign.id FROM campaign"}
    check_failure(proof.google("POST", search, 403, query), "no login-customer-id")
    for more in ({"pageSize": 5}, {"pageToken": "forged"}):
        body = proof.google("POST", search, 400, query | more, login_customer_id=manager)
        check_failure(body, f"the error for {more}")
    for kind, status in (
        ("throttle", 429),
        ("server_error", 500),
        ("service_unavailable", 503),
        ("token_expired", 401),
        ("account_disabled", 403),
        ("permission_denied", 403),
        ("dead_version", 400),
    ):
        order = {"platform": "google_ads", "kind": kind}
        proof._json("POST", "/_control/fault", json=order)
        check_failure(stream(account, query["query"], status)[0], f"the fault {kind}")


def check_analytics(proof):
    """The official client over REST, and each payload strictly through its classes."""
    from google.analytics import admin_v1beta, data_v1beta
    from google.api_core import exceptions
    from google.oauth2.credentials import Credentials
    from google.protobuf import json_format

    client = data_v1beta.BetaAnalyticsDataClient(
        transport="rest",
        credentials=Credentials(token=proof.google_token),
        client_options={"api_endpoint": proof.base_url},
    )
    admin = admin_v1beta.AnalyticsAdminServiceClient(
        transport="rest",
        credentials=Credentials(token=proof.google_token),
        client_options={"api_endpoint": proof.base_url},
    )

    def parse(message, payload, what):
        try:
            json_format.ParseDict(payload, message.pb()(), ignore_unknown_fields=False)
        except json_format.ParseError as fault:
            raise Mismatch(f"{what}: {fault}") from fault
        proof.passed()

    properties = {
        summary.property
        for account in admin.list_account_summaries(request={"page_size": 1})
        for summary in account.property_summaries
    }
    expected = {f"properties/{a['account_id']}" for a, _, _ in proof.accounts("google_analytics")}
    proof.equal("properties in accountSummaries", properties, expected)
    parse(
        admin_v1beta.ListAccountSummariesResponse,
        proof.google("GET", "/v1beta/accountSummaries?pageSize=1"),
        "accountSummaries",
    )

    for account, first, last in proof.accounts("google_analytics"):
        name = f"properties/{account['account_id']}"
        described = admin.get_property(name=name)
        proof.passed()
        proof.equal(f"zone of {name}", described.time_zone, account["time_zone"])
        proof.equal(f"currency of {name}", described.currency_code, account["currency"])
        parse(admin_v1beta.Property, proof.google("GET", f"/v1beta/{name}"), name)

        metadata = client.get_metadata(name=f"{name}/metadata")
        proof.passed()
        known = {field.api_name for field in metadata.dimensions} | {
            field.api_name for field in metadata.metrics
        }
        parse(
            data_v1beta.Metadata,
            proof.google("GET", f"/v1beta/{name}/metadata"),
            f"{name}/metadata",
        )

        dimensions = [
            "date",
            "sessionCampaignName",
            "sessionSource",
            "sessionMedium",
            "sessionDefaultChannelGroup",
        ]
        metrics = ["sessions", "engagedSessions", "totalUsers", "keyEvents", "totalRevenue"]
        if not known >= {*dimensions, *metrics}:
            raise Mismatch(f"{name}/metadata lacks {sorted({*dimensions, *metrics} - known)}")
        sums = [Decimal(0)] * len(metrics)
        read = 0
        while True:
            request = data_v1beta.RunReportRequest(
                property=name,
                dimensions=[data_v1beta.Dimension(name=name) for name in dimensions],
                metrics=[data_v1beta.Metric(name=name) for name in metrics],
                date_ranges=[data_v1beta.DateRange(start_date=first, end_date=last)],
                offset=read,
                limit=500,
                return_property_quota=True,
            )
            report = client.run_report(request)
            proof.passed()
            proof.equal(f"currency in {name}", report.metadata.currency_code, account["currency"])
            for row in report.rows:
                for index, cell in enumerate(row.metric_values):
                    sums[index] += Decimal(cell.value)
            read += len(report.rows)
            if not report.rows or read >= report.row_count:
                break
        figures = ["sessions", "engaged_sessions", "total_users", "key_events", "revenue"]
        for figure, found in zip(figures, sums):
            proof.equal(f"{figure} of {name}", found, proof.total(account, figure))

        for dates in ((first, last), ("2099-01-01", "2099-01-02")):
            body = {
                "dimensions": [{"name": "date"}],
                "metrics": [{"name": "sessions"}],
                "dateRanges": [{"startDate": dates[0], "endDate": dates[1]}],
                "returnPropertyQuota": True,
            }
            payload = proof.google("POST", f"/v1beta/{name}:runReport", body=body)
            parse(data_v1beta.RunReportResponse, payload, f"runReport of {name}")

        try:
            request = data_v1beta.RunReportRequest(
                property=name,
                metrics=[data_v1beta.Metric(name="visits")],
                date_ranges=[data_v1beta.DateRange(start_date=first, end_date=last)],
            )
            client.run_report(request)
            raise Mismatch(f"{name}: an unknown metric was answered")
        except exceptions.BadRequest:
            proof.passed()

    name = next(iter(sorted(properties)))
    for kind, error in (
        ("throttle", exceptions.TooManyRequests),
        ("server_error", exceptions.InternalServerError),
        ("service_unavailable", exceptions.ServiceUnavailable),
        ("token_expired", exceptions.Unauthorized),
        ("permission_denied", exceptions.Forbidden),
    ):
        order = {"platform": "google_analytics", "kind": kind}
        proof._json("POST", "/_control/fault", json=order)
        try:
            client.get_metadata(name=f"{name}/metadata", retry=None)
            raise Mismatch(f"the fault {kind} was not seen")
        except error:
            proof.passed()


def check_meta(proof):
    """The official SDK: accounts, campaigns, insights at once and by report run, a batch."""
    from facebook_business.adobjects.adaccount import AdAccount
    from facebook_business.adobjects.adreportrun import AdReportRun
    from facebook_business.adobjects.adsactionstats import AdsActionStats
    from facebook_business.adobjects.adsinsights import AdsInsights
    from facebook_business.adobjects.campaign import Campaign
    from facebook_business.adobjects.user import User
    from facebook_business.api import FacebookAdsApi
    from facebook_business.exceptions import FacebookRequestError
    from facebook_business.session import FacebookSession

    FacebookSession.GRAPH = proof.base_url
    api = FacebookAdsApi.init(
        CLIENT_ID, CLIENT_SECRET, proof.meta_token, api_version="v26.0", crash_log=False
    )

    def fits(value, declared):
        if declared in ("string", "datetime"):
            return isinstance(value, str)
        if declared in ("int", "unsigned int"):
            return isinstance(value, int) and not isinstance(value, bool)
        if declared == "float":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        if declared == "bool":
            return isinstance(value, bool)
        if declared == "list<AdsActionStats>":
            return isinstance(value, list) and all(
                fields_fit(AdsActionStats, action) for action in value
            )
        # An enumeration's name, or an object of its own.
        return isinstance(value, str) or hasattr(value, "keys")

    def fields_fit(kind, item):
        return all(
            field in kind._field_types and fits(item[field], kind._field_types[field])
            for field in item
        )

    def check(kind, item, what):
        data = item.export_all_data()
        for field, value in data.items():
            declared = kind._field_types.get(field)
            if declared is None:
                raise Mismatch(f"{what}: the SDK's {kind.__name__} has no field {field}")
            if not fits(value, declared):
                raise Mismatch(f"{what}: {field} is to be {declared}, not {value!r}")
        return data

    account_fields = [
        "id", "account_id", "name", "currency", "timezone_id", "timezone_name",
        "timezone_offset_hours_utc", "account_status", "disable_reason", "business",
        "amount_spent", "created_time",
    ]  # fmt: skip
    campaign_fields = [
        "id", "account_id", "name", "status", "configured_status", "effective_status",
        "objective", "buying_type", "daily_budget", "start_time", "stop_time", "created_time",
        "updated_time",
    ]  # fmt: skip
    insight_fields = [
        "account_id", "account_name", "account_currency", "campaign_id", "campaign_name",
        "objective", "spend", "impressions", "clicks", "inline_link_clicks", "reach",
        "frequency", "cpc", "cpm", "ctr", "actions", "action_values", "purchase_roas",
        "attribution_setting", "buying_type", "date_start", "date_stop",
    ]  # fmt: skip

    accounts = list(User("me", api=api).get_ad_accounts(fields=account_fields, params={"limit": 1}))
    for account in accounts:
        check(AdAccount, account, "me/adaccounts")
    proof.passed(len(accounts))
    found = {account["account_id"] for account in accounts}
    expected = {account["account_id"] for account, _, _ in proof.accounts("meta_ads")}
    proof.equal("accounts in me/adaccounts", found, expected)

    for true_account, first, last in proof.accounts("meta_ads"):
        identifier = f"act_{true_account['account_id']}"
        account = AdAccount(identifier, api=api)
        check(AdAccount, account.api_get(fields=account_fields), identifier)
        proof.equal(f"zone of {identifier}", account["timezone_name"], true_account["time_zone"])
        campaigns = list(account.get_campaigns(fields=campaign_fields, params={"limit": 2}))
        for campaign in campaigns:
            check(Campaign, campaign, f"{identifier}/campaigns")
            check(Campaign, Campaign(campaign["id"], api=api).api_get(fields=["name"]), "campaign")
        proof.passed(1 + 2 * len(campaigns))

        params = {
            "level": "campaign",
            "time_increment": 1,
            "time_range": {"since": first, "until": last},
            "limit": 100,
        }
        sync = list(account.get_insights(fields=insight_fields, params=params))
        run = account.get_insights(fields=insight_fields, params=params, is_async=True)
        proof.passed()
        for _ in range(20):
            run.api_get()
            check(AdReportRun, run, "a report run")
            proof.passed()
            if run["async_status"] == "Job Completed":
                break
        else:
            raise Mismatch(f"the report run of {identifier} did not complete")
        by_run = list(run.get_insights(params={"limit": 100}))
        for way, rows in (("at once", sync), ("by report run", by_run)):
            data = [check(AdsInsights, row, f"insights {way}") for row in rows]
            proof.passed(-(-len(rows) // 100))
            for figure, field in (("cost", "spend"), ("impressions", "impressions"), ("clicks", "clicks")):
                proof.equal(
                    f"{figure} of {identifier} {way}",
                    sum(Decimal(row[field]) for row in data),
                    proof.total(true_account, figure),
                )
            for figure, field in (("conversions", "actions"), ("conversion_value", "action_values")):
                proof.equal(
                    f"{figure} of {identifier} {way}",
                    sum(
                        Decimal(action["value"])
                        for row in data
                        for action in row.get(field, [])
                        if action["action_type"] == PURCHASE
                    ),
                    proof.total(true_account, figure),
                )

    answers = []
    batch = api.new_batch()
    for account in accounts:
        account.api_get(
            fields=["currency"], batch=batch, success=answers.append, failure=answers.append
        )
    batch.execute()
    if len(answers) != len(accounts) or not all(answer.is_success() for answer in answers):
        raise Mismatch("a call of the batch failed")
    proof.passed(len(answers))

    for kind, status, code, transient in (
        ("throttle", 400, 17, True),
        ("server_error", 500, 1, False),
        ("service_unavailable", 503, 2, True),
        ("token_expired", 400, 190, False),
        ("dead_version", 400, 2635, False),
        ("permission_denied", 403, 200, False),
    ):
        proof._json("POST", "/_control/fault", json={"platform": "meta_ads", "kind": kind})
        try:
            accounts[0].api_get(fields=["name"])
            raise Mismatch(f"the fault {kind} was not seen")
        except FacebookRequestError as fault:
            seen = (fault.http_status(), fault.api_error_code(), bool(fault.api_transient_error()))
            proof.equal(f"the fault {kind}", seen, (status, code, transient))
            if fault.api_error_type() != "OAuthException" or not fault.api_error_message():
                raise Mismatch(f"the fault {kind} has no type or message") from fault
            proof.passed()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base-url", required=True, help="where the simulators listen")
    proof = None
    try:
        proof = Proof(parser.parse_args().base_url)
        for name, check in (
            ("Google Ads", check_google_ads),
            ("Google Analytics", check_analytics),
            ("Meta Ads", check_meta),
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
