"""Google Ads: every payload through the protobuf classes of v26.

An unknown field, a wrong type or an unknown name of an enumeration is an error there.
"""

from decimal import Decimal

from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.ads.googleads.v26.services.types import customer_service, google_ads_service
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from proof import Mismatch

CHUNK = google_ads_service.SearchGoogleAdsStreamResponse

CLIENTS = (
    "SELECT customer_client.client_customer, customer_client.level, customer_client.id, "
    "customer_client.manager, customer_client.time_zone, customer_client.currency_code, "
    "customer_client.descriptive_name, customer_client.status, customer_client.test_account, "
    "customer_client.hidden FROM customer_client"
)
CAMPAIGNS = (
    "SELECT campaign.id, campaign.name, campaign.status, campaign.advertising_channel_type, "
    "campaign.bidding_strategy_type, campaign.start_date_time, campaign.end_date_time, "
    "campaign_budget.id, campaign_budget.amount_micros, campaign.campaign_budget FROM campaign"
)
DAYS = (
    "SELECT customer.id, customer.currency_code, customer.time_zone, campaign.id, "
    "campaign.name, campaign.status, campaign.advertising_channel_type, segments.date{segments}, "
    "metrics.impressions, metrics.clicks, metrics.cost_micros, metrics.conversions, "
    "metrics.conversions_value, metrics.all_conversions, metrics.all_conversions_value, "
    "metrics.view_through_conversions, metrics.interactions, metrics.ctr, metrics.average_cpc "
    "FROM campaign WHERE segments.date BETWEEN '{first}' AND '{last}'"
)
NOTHING = (
    "SELECT campaign.id, segments.date, metrics.clicks FROM campaign "
    "WHERE segments.date = '2099-01-01'"
)
PLAIN = "SELECT campaign.id FROM campaign"
WRONG = (
    "",
    "SELECT campaign.id",
    "SELECT campaign.start_date FROM campaign",
    "SELECT campaign.id FROM campain",
    "SELECT segments.date FROM campaign",
    "SELECT campaign.id FROM customer",
    "SELECT metrics.clicks FROM customer_client",
    "SELECT segments.device FROM customer_client",
    PLAIN + " WHERE segments.date = 'May'",
    PLAIN + " WHERE segments.date BETWEEN '2024-02-02' AND '2024-02-01'",
    PLAIN + " WHERE segments.date DURING ALWAYS",
    PLAIN + " WHERE campaign.name = 'x",
    PLAIN + " WHERE campaign.id ~ 3",
    PLAIN + " WHERE campaign.id LIKES 3",
    PLAIN + " WHERE",
    PLAIN + " LIMIT 0",
    PLAIN + " ORDER BY metrics.clicks",
)
FAULTS = (
    ("throttle", 429),
    ("server_error", 500),
    ("service_unavailable", 503),
    ("token_expired", 401),
    ("account_disabled", 403),
    ("permission_denied", 403),
    ("dead_version", 400),
)


class Check:
    def __init__(self, proof):
        self.proof = proof
        listed = self.parse(
            customer_service.ListAccessibleCustomersResponse,
            proof.google("GET", "/v26/customers:listAccessibleCustomers"),
            "listAccessibleCustomers",
        )
        self.manager = listed.resource_names[0].removeprefix("customers/")

    def parse(self, message, payload, what):
        try:
            parsed = json_format.ParseDict(payload, message.pb()(), ignore_unknown_fields=False)
        except json_format.ParseError as fault:
            raise Mismatch(f"{what}: {fault}") from fault
        self.proof.passed()
        return parsed

    def search(self, customer, body, status=200):
        path = f"/v26/customers/{customer}/googleAds:search"
        return self.proof.google("POST", path, status, body, login_customer_id=self.manager)

    def stream(self, customer, query, status=200):
        path = f"/v26/customers/{customer}/googleAds:searchStream"
        body = {"query": query}
        return self.proof.google("POST", path, status, body, login_customer_id=self.manager)

    def rows(self, customer, query, what):
        chunks = [self.parse(CHUNK, chunk, what) for chunk in self.stream(customer, query)]
        return [row for chunk in chunks for row in chunk.results]

    def clients(self):
        rows = self.rows(self.manager, CLIENTS, "customer_client")
        found = {str(row.customer_client.id) for row in rows if not row.customer_client.manager}
        expected = {account["account_id"] for account, _, _ in self.proof.accounts("google_ads")}
        self.proof.equal("clients of the manager", found, expected)

    def account(self, account, first, last):
        identifier = account["account_id"]
        self.rows(identifier, CAMPAIGNS, f"campaigns of {identifier}")
        self.rows(identifier, NOTHING, f"an empty answer of {identifier}")
        for segments in ("", ", segments.device, segments.ad_network_type"):
            query = DAYS.format(segments=segments, first=first, last=last)
            rows = self.rows(identifier, query, f"days of {identifier}")
            for figure, read in (
                ("impressions", lambda row: row.metrics.impressions),
                ("clicks", lambda row: row.metrics.clicks),
                ("cost", lambda row: Decimal(row.metrics.cost_micros) / 1_000_000),
            ):
                found, expected = sum(map(read, rows)), self.proof.total(account, figure)
                self.proof.equal(f"{figure} of {identifier}{segments}", found, expected)
        page = self.search(
            identifier,
            {
                "query": DAYS.format(segments="", first=first, last=last),
                "searchSettings": {"returnTotalResultsCount": True},
            },
        )
        self.parse(google_ads_service.SearchGoogleAdsResponse, page, f"search of {identifier}")

    def failure(self, envelope, what):
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
        # 0 and 1 are the enumerations' names for what they do not know.
        if which is None or getattr(code, which) < 2:
            raise Mismatch(f"{what}: the error code is unknown to the vendor's classes")
        self.proof.passed()

    def failures(self, customer):
        for query in WRONG:
            self.failure(self.stream(customer, query, 400)[0], f"the error for {query!r}")
        query = "SELECT campaign.id, metrics.clicks FROM campaign"
        self.failure(self.stream(self.manager, query, 400)[0], "metrics of a manager")
        path = f"/v26/customers/{customer}/googleAds:search"
        refused = self.proof.google("POST", path, 403, {"query": PLAIN})
        self.failure(refused, "no login-customer-id")
        for more in ({"pageSize": 5}, {"pageToken": "forged"}):
            refused = self.search(customer, {"query": PLAIN} | more, 400)
            self.failure(refused, f"the error for {more}")
        for kind, status in FAULTS:
            self.proof.fault("google_ads", kind)
            self.failure(self.stream(customer, PLAIN, status)[0], f"the fault {kind}")


def check(proof):
    checked = Check(proof)
    checked.clients()
    accounts = list(proof.accounts("google_ads"))
    for account, first, last in accounts:
        checked.account(account, first, last)
    checked.failures(accounts[0][0]["account_id"])
