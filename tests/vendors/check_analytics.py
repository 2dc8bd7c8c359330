"""Google Analytics: the official clients over REST, each payload strictly through their classes."""

from decimal import Decimal

from google.analytics import admin_v1beta, data_v1beta
from google.api_core import exceptions
from google.oauth2.credentials import Credentials
from google.protobuf import json_format
from proof import CLIENT_ID, CLIENT_SECRET, Mismatch

DIMENSIONS = (
    "date",
    "sessionCampaignName",
    "sessionSource",
    "sessionMedium",
    "sessionDefaultChannelGroup",
)
# A metric's name, and the same figure's name in the simulator's truth.
METRICS = {
    "sessions": "sessions",
    "engagedSessions": "engaged_sessions",
    "totalUsers": "total_users",
    "keyEvents": "key_events",
    "totalRevenue": "revenue",
}
PAGE = 500
FAULTS = (
    ("throttle", exceptions.TooManyRequests),
    ("server_error", exceptions.InternalServerError),
    ("service_unavailable", exceptions.ServiceUnavailable),
    ("permission_denied", exceptions.Forbidden),
)


class Check:
    def __init__(self, proof):
        self.proof = proof
        self.credentials = Credentials(
            token=proof.google_token,
            refresh_token=proof.google_refresh_token,
            token_uri=f"{proof.base_url}/google/token",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
        )
        options = {
            "transport": "rest",
            "credentials": self.credentials,
            "client_options": {"api_endpoint": proof.base_url},
        }
        self.data = data_v1beta.BetaAnalyticsDataClient(**options)
        self.admin = admin_v1beta.AnalyticsAdminServiceClient(**options)

    def parse(self, message, payload, what):
        try:
            json_format.ParseDict(payload, message.pb()(), ignore_unknown_fields=False)
        except json_format.ParseError as fault:
            raise Mismatch(f"{what}: {fault}") from fault
        self.proof.passed()

    def summaries(self):
        pages = self.admin.list_account_summaries(request={"page_size": 1}).pages
        found = set()
        for page in pages:
            self.proof.passed()
            for account in page.account_summaries:
                found |= {summary.property for summary in account.property_summaries}
        accounts = self.proof.accounts("google_analytics")
        expected = {f"properties/{account['account_id']}" for account, _, _ in accounts}
        self.proof.equal("properties in accountSummaries", found, expected)
        payload = self.proof.google("GET", "/v1beta/accountSummaries?pageSize=1")
        self.parse(admin_v1beta.ListAccountSummariesResponse, payload, "accountSummaries")

    def description(self, account, name):
        described = self.admin.get_property(name=name)
        self.proof.passed()
        self.proof.equal(f"zone of {name}", described.time_zone, account["time_zone"])
        self.proof.equal(f"currency of {name}", described.currency_code, account["currency"])
        self.parse(admin_v1beta.Property, self.proof.google("GET", f"/v1beta/{name}"), name)

        metadata = self.data.get_metadata(name=f"{name}/metadata")
        self.proof.passed()
        known = {field.api_name for field in (*metadata.dimensions, *metadata.metrics)}
        missing = {*DIMENSIONS, *METRICS} - known
        if missing:
            raise Mismatch(f"{name}/metadata lacks {sorted(missing)}")
        payload = self.proof.google("GET", f"/v1beta/{name}/metadata")
        self.parse(data_v1beta.Metadata, payload, f"{name}/metadata")

    def report(self, account, name, first, last):
        sums = dict.fromkeys(METRICS, Decimal(0))
        read = 0
        while True:
            request = data_v1beta.RunReportRequest(
                property=name,
                dimensions=[data_v1beta.Dimension(name=dimension) for dimension in DIMENSIONS],
                metrics=[data_v1beta.Metric(name=metric) for metric in METRICS],
                date_ranges=[data_v1beta.DateRange(start_date=first, end_date=last)],
                offset=read,
                limit=PAGE,
                return_property_quota=True,
            )
            report = self.data.run_report(request)
            self.proof.passed()
            currency = report.metadata.currency_code
            self.proof.equal(f"currency in {name}", currency, account["currency"])
            for row in report.rows:
                for metric, cell in zip(METRICS, row.metric_values):
                    sums[metric] += Decimal(cell.value)
            read += len(report.rows)
            if not report.rows or read >= report.row_count:
                break
        for metric, figure in METRICS.items():
            expected = self.proof.total(account, figure)
            self.proof.equal(f"{metric} of {name}", sums[metric], expected)

    def raw_reports(self, name, first, last):
        for start, end in ((first, last), ("2099-01-01", "2099-01-02")):
            body = {
                "dimensions": [{"name": "date"}],
                "metrics": [{"name": "sessions"}],
                "dateRanges": [{"startDate": start, "endDate": end}],
                "returnPropertyQuota": True,
            }
            payload = self.proof.google("POST", f"/v1beta/{name}:runReport", body=body)
            self.parse(data_v1beta.RunReportResponse, payload, f"runReport of {name}")

    def failures(self, name):
        request = data_v1beta.RunReportRequest(
            property=name,
            metrics=[data_v1beta.Metric(name="visits")],
            date_ranges=[data_v1beta.DateRange(start_date="7daysAgo", end_date="today")],
        )
        self.refused(exceptions.BadRequest, lambda: self.data.run_report(request))
        for kind, error in FAULTS:
            self.proof.fault("google_analytics", kind)
            self.refused(error, lambda: self.data.get_metadata(name=f"{name}/metadata", retry=None))

    def refused(self, error, call):
        try:
            call()
        except error:
            self.proof.passed()
        else:
            raise Mismatch(f"a call that was to end in {error.__name__} was answered")

    def refresh(self, name):
        """An expired token: the vendor's own library refreshes it at the simulated endpoint."""
        before = self.credentials.token
        self.proof.fault("google_analytics", "token_expired")
        self.data.get_metadata(name=f"{name}/metadata", retry=None)
        if self.credentials.token == before:
            raise Mismatch("the client did not refresh its expired token")
        self.proof.passed(2)


def check(proof):
    checked = Check(proof)
    checked.summaries()
    for account, first, last in proof.accounts("google_analytics"):
        name = f"properties/{account['account_id']}"
        checked.description(account, name)
        checked.report(account, name, first, last)
        checked.raw_reports(name, first, last)
    checked.failures(name)
    checked.refresh(name)
