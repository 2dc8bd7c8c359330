"""Meta: the official SDK for accounts, campaigns, insights at once and by report run, a batch.

The SDK lets any JSON pass, so each field is held against the type that the SDK declares for it.
"""

from decimal import Decimal

from facebook_business.adobjects.adaccount import AdAccount
from facebook_business.adobjects.adreportrun import AdReportRun
from facebook_business.adobjects.adsactionstats import AdsActionStats
from facebook_business.adobjects.adsinsights import AdsInsights
from facebook_business.adobjects.campaign import Campaign
from facebook_business.adobjects.user import User
from facebook_business.api import FacebookAdsApi
from facebook_business.exceptions import FacebookRequestError
from facebook_business.session import FacebookSession
from proof import CLIENT_ID, CLIENT_SECRET, Mismatch

PURCHASE = "offsite_conversion.fb_pixel_purchase"
PAGE = 100
POLLS = 20
ACCOUNT_FIELDS = (
    "id account_id name currency timezone_id timezone_name timezone_offset_hours_utc "
    "account_status disable_reason business amount_spent created_time"
).split()
CAMPAIGN_FIELDS = (
    "id account_id name status configured_status effective_status objective buying_type "
    "daily_budget start_time stop_time created_time updated_time"
).split()
INSIGHT_FIELDS = (
    "account_id account_name account_currency campaign_id campaign_name objective spend "
    "impressions clicks inline_link_clicks reach frequency cpc cpm ctr actions action_values "
    "purchase_roas attribution_setting buying_type date_start date_stop"
).split()
# Kind, HTTP status, code, whether the error calls itself transient.
FAULTS = (
    ("throttle", 400, 17, True),
    ("server_error", 500, 1, False),
    ("service_unavailable", 503, 2, True),
    ("token_expired", 400, 190, False),
    ("dead_version", 400, 2635, False),
    ("permission_denied", 403, 200, False),
)


def fits(value, declared):
    """Whether a value has the type that the SDK declares."""
    if declared in ("string", "datetime"):
        return isinstance(value, str)
    if declared in ("int", "unsigned int"):
        return isinstance(value, int) and not isinstance(value, bool)
    if declared == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if declared == "bool":
        return isinstance(value, bool)
    if declared == "list<AdsActionStats>":
        types = AdsActionStats._field_types
        return isinstance(value, list) and all(
            key in types and fits(action[key], types[key]) for action in value for key in action
        )
    # A name of an enumeration, or an object of its own.
    return isinstance(value, (str, dict))


class Check:
    def __init__(self, proof):
        self.proof = proof
        FacebookSession.GRAPH = proof.base_url
        self.api = FacebookAdsApi.init(
            CLIENT_ID, CLIENT_SECRET, proof.meta_token, api_version="v26.0", crash_log=False
        )

    def typed(self, kind, item, what):
        data = item.export_all_data()
        for field, value in data.items():
            declared = kind._field_types.get(field)
            if declared is None:
                raise Mismatch(f"{what}: the SDK's {kind.__name__} has no field {field}")
            if not fits(value, declared):
                raise Mismatch(f"{what}: {field} is to be {declared}, not {value!r}")
        return data

    def accounts(self):
        me = User("me", api=self.api)
        accounts = list(me.get_ad_accounts(fields=ACCOUNT_FIELDS, params={"limit": 1}))
        for account in accounts:
            self.typed(AdAccount, account, "me/adaccounts")
        self.proof.passed(len(accounts))
        found = {account["account_id"] for account in accounts}
        expected = {account["account_id"] for account, _, _ in self.proof.accounts("meta_ads")}
        self.proof.equal("accounts in me/adaccounts", found, expected)
        return accounts

    def account(self, true_account, first, last):
        name = f"act_{true_account['account_id']}"
        account = AdAccount(name, api=self.api)
        self.typed(AdAccount, account.api_get(fields=ACCOUNT_FIELDS), name)
        self.proof.equal(f"zone of {name}", account["timezone_name"], true_account["time_zone"])
        self.proof.equal(f"currency of {name}", account["currency"], true_account["currency"])
        campaigns = list(account.get_campaigns(fields=CAMPAIGN_FIELDS, params={"limit": 2}))
        for campaign in campaigns:
            self.typed(Campaign, campaign, f"{name}/campaigns")
            single = Campaign(campaign["id"], api=self.api).api_get(fields=["name", "status"])
            self.typed(Campaign, single, f"campaign {campaign['id']}")
        self.proof.passed(1 + -(-len(campaigns) // 2) + len(campaigns))

        params = {
            "level": "campaign",
            "time_increment": 1,
            "time_range": {"since": first, "until": last},
            "limit": PAGE,
        }
        rows = list(account.get_insights(fields=INSIGHT_FIELDS, params=params))
        self.insights(true_account, rows, f"{name} at once")
        ordered = account.get_insights(fields=INSIGHT_FIELDS, params=params, is_async=True)
        run = AdReportRun(ordered["report_run_id"], api=self.api)
        self.proof.passed()
        self.complete(run)
        rows = list(run.get_insights(params={"limit": PAGE}))
        self.insights(true_account, rows, f"{name} by report run")

    def complete(self, run):
        for _ in range(POLLS):
            run.api_get()
            self.typed(AdReportRun, run, "a report run")
            self.proof.passed()
            if run["async_status"] == "Job Completed":
                return
        raise Mismatch(f"the report run {run['id']} did not complete")

    def insights(self, true_account, rows, what):
        data = [self.typed(AdsInsights, row, what) for row in rows]
        self.proof.passed(-(-len(rows) // PAGE))
        for figure, field in (("cost", "spend"), ("impressions",) * 2, ("clicks",) * 2):
            found = sum(Decimal(row[field]) for row in data)
            expected = self.proof.total(true_account, figure)
            self.proof.equal(f"{figure} of {what}", found, expected)
        for figure, field in (("conversions", "actions"), ("conversion_value", "action_values")):
            actions = (action for row in data for action in row.get(field, []))
            purchases = (action for action in actions if action["action_type"] == PURCHASE)
            found = sum(Decimal(action["value"]) for action in purchases)
            expected = self.proof.total(true_account, figure)
            self.proof.equal(f"{figure} of {what}", found, expected)

    def batch(self, accounts):
        answers = []
        batch = self.api.new_batch()
        for account in accounts:
            account.api_get(
                fields=["currency"], batch=batch, success=answers.append, failure=answers.append
            )
        batch.execute()
        if len(answers) != len(accounts) or not all(answer.is_success() for answer in answers):
            raise Mismatch("a call of the batch failed")
        self.proof.passed(len(answers))

    def failures(self, account):
        for kind, *expected in FAULTS:
            self.proof.fault("meta_ads", kind)
            try:
                account.api_get(fields=["name"])
            except FacebookRequestError as fault:
                found = [
                    fault.http_status(),
                    fault.api_error_code(),
                    bool(fault.api_transient_error()),
                ]
                self.proof.equal(f"the fault {kind}", found, expected)
                if fault.api_error_type() != "OAuthException" or not fault.api_error_message():
                    raise Mismatch(f"the fault {kind} has no type or message") from fault
                self.proof.passed()
            else:
                raise Mismatch(f"the fault {kind} was not seen")


def check(proof):
    checked = Check(proof)
    accounts = checked.accounts()
    for true_account, first, last in proof.accounts("meta_ads"):
        checked.account(true_account, first, last)
    checked.batch(accounts)
    checked.failures(accounts[0])
