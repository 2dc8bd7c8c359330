//! The fields that queries may name: what each is called in JSON, what type it has, and which
//! resources it can be selected from.

/// How a value is written in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A name of an enumeration.
    Enum,
    /// 64 bits: a string in JSON.
    Integer,
    Double,
    Boolean,
    Date,
}

/// What a query may be `FROM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Campaign,
    Customer,
    CustomerClient,
}

impl Resource {
    pub(super) fn find(name: &str) -> Option<Self> {
        match name {
            "campaign" => Some(Self::Campaign),
            "customer" => Some(Self::Customer),
            "customer_client" => Some(Self::CustomerClient),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Campaign => "campaign",
            Self::Customer => "customer",
            Self::CustomerClient => "customer_client",
        }
    }

    /// Whether a field's first part can be selected with this resource.
    pub(super) fn offers(self, field: Field) -> bool {
        match field.owner() {
            "campaign" | "campaign_budget" => self == Self::Campaign,
            "customer_client" => self == Self::CustomerClient,
            "segments" | "metrics" => self != Self::CustomerClient,
            _ => true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

impl Field {
    pub(super) fn find(name: &str) -> Option<Self> {
        FIELDS.iter().find(|field| field.name == name).copied()
    }

    /// `campaign`, `segments`, `metrics`, …
    pub(super) fn owner(self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(owner, _)| owner)
    }

    pub(super) fn is_metric(self) -> bool {
        self.owner() == "metrics"
    }

    pub(super) fn is_segment(self) -> bool {
        self.owner() == "segments"
    }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

const FIELDS: &[Field] = &[
    field("customer.resource_name", Kind::Text),
    field("customer.id", Kind::Integer),
    field("customer.descriptive_name", Kind::Text),
    field("customer.currency_code", Kind::Text),
    field("customer.time_zone", Kind::Text),
    field("customer.manager", Kind::Boolean),
    field("customer.test_account", Kind::Boolean),
    field("customer.status", Kind::Enum),
    field("customer_client.resource_name", Kind::Text),
    field("customer_client.client_customer", Kind::Text),
    field("customer_client.level", Kind::Integer),
    field("customer_client.id", Kind::Integer),
    field("customer_client.manager", Kind::Boolean),
    field("customer_client.time_zone", Kind::Text),
    field("customer_client.currency_code", Kind::Text),
    field("customer_client.descriptive_name", Kind::Text),
    field("customer_client.status", Kind::Enum),
    field("customer_client.test_account", Kind::Boolean),
    field("customer_client.hidden", Kind::Boolean),
    field("campaign.resource_name", Kind::Text),
    field("campaign.id", Kind::Integer),
    field("campaign.name", Kind::Text),
    field("campaign.status", Kind::Enum),
    field("campaign.advertising_channel_type", Kind::Enum),
    field("campaign.bidding_strategy_type", Kind::Enum),
    field("campaign.campaign_budget", Kind::Text),
    field("campaign.start_date_time", Kind::Text),
    field("campaign.end_date_time", Kind::Text),
    field("campaign_budget.resource_name", Kind::Text),
    field("campaign_budget.id", Kind::Integer),
    field("campaign_budget.amount_micros", Kind::Integer),
    field("segments.date", Kind::Date),
    field("segments.device", Kind::Enum),
    field("segments.ad_network_type", Kind::Enum),
    field("metrics.impressions", Kind::Integer),
    field("metrics.clicks", Kind::Integer),
    field("metrics.interactions", Kind::Integer),
    field("metrics.view_through_conversions", Kind::Integer),
    field("metrics.cost_micros", Kind::Integer),
    field("metrics.conversions", Kind::Double),
    field("metrics.conversions_value", Kind::Double),
    field("metrics.all_conversions", Kind::Double),
    field("metrics.all_conversions_value", Kind::Double),
    field("metrics.ctr", Kind::Double),
    field("metrics.average_cpc", Kind::Double),
];

/// `cost_micros` → `costMicros`.
pub(super) fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}
