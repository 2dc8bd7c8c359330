use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{MANAGER, failure, json_of, list, simulator, text};

const MAY: &str = "segments.date BETWEEN '2024-05-01' AND '2024-05-31'";

#[tokio::test]
async fn the_agency_reaches_its_clients_only_through_the_manager() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let listed = simulator
        .get("/google-ads/v26/customers:listAccessibleCustomers")
        .bearer_auth(&token)
        .send()
        .await
        .expect("answer");
    let listed = json_of(listed, 200).await;
    assert_eq!(listed, json!({ "resourceNames": [format!("customers/{MANAGER}")] }));

    let query = "SELECT customer_client.id, customer_client.level, customer_client.manager, \
                 customer_client.time_zone, customer_client.currency_code FROM customer_client";
    let clients = json_of(simulator.stream(&token, MANAGER, query).await, 200).await;
    let rows = list(&clients[0]["results"]);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["customerClient"]["manager"], true);
    assert_eq!(rows[0]["customerClient"]["level"], "0");
    assert_eq!(
        rows[1]["customerClient"],
        json!({
            "resourceName": format!("customers/{MANAGER}/customerClients/4310050021"),
            "id": "4310050021", "level": "1", "manager": false,
            "timeZone": "Europe/Amsterdam", "currencyCode": "EUR",
        })
    );

    let direct = simulator
        .post(
            "/google-ads/v26/customers/4310050021/googleAds:searchStream",
            &json!({ "query": "SELECT customer.id FROM customer" }),
        )
        .bearer_auth(&token)
        .send()
        .await
        .expect("answer");
    let refused = json_of(direct, 403).await;
    assert_eq!(failure(&refused), "authorizationError: USER_PERMISSION_DENIED");
}

#[tokio::test]
async fn a_clients_login_reaches_its_own_account_and_no_other() {
    let simulator = simulator().await;
    let token = simulator.google("northwind@example.com").await;
    let ask = async |customer: &str| {
        simulator
            .post(
                &format!("/v26/customers/{customer}/googleAds:search"),
                &json!({ "query": "SELECT customer.currency_code FROM customer" }),
            )
            .bearer_auth(&token)
            .send()
            .await
            .expect("answer")
    };
    let own = json_of(ask("4310050021").await, 200).await;
    assert_eq!(own["results"][0]["customer"]["currencyCode"], "EUR");
    let foreign = json_of(ask("7720060042").await, 403).await;
    assert_eq!(failure(&foreign), "authorizationError: USER_PERMISSION_DENIED");
    let manager = json_of(ask(MANAGER).await, 403).await;
    assert_eq!(failure(&manager), "authorizationError: USER_PERMISSION_DENIED");
    let malformed = json_of(ask("431-005-0021").await, 400).await;
    assert_eq!(failure(&malformed), "requestError: INVALID_CUSTOMER_ID");
}

#[tokio::test]
async fn wrong_queries_get_googles_errors_in_an_array() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    for (customer, query, expected) in [
        (
            "4310050021",
            "SELECT campaign.start_date FROM campaign",
            "queryError: UNRECOGNIZED_FIELD",
        ),
        (
            "4310050021",
            "SELECT segments.date, metrics.clicks FROM campaign",
            "queryError: EXPECTED_FILTERS_ON_DATE_RANGE",
        ),
        (
            "4310050021",
            "SELECT metrics.clicks FROM campaign WHERE segments.date = '31-05-2024'",
            "queryError: INVALID_DATE_FORMAT",
        ),
        (
            "4310050021",
            "SELECT segments.date, metrics.clicks FROM campaign WHERE segments.date BETWEEN \
             '2021-01-01' AND '2024-05-01'",
            "dateRangeError: REQUESTED_DATE_GRANULARITY_NOT_SUPPORTED",
        ),
        (
            MANAGER,
            "SELECT campaign.id, metrics.clicks FROM campaign",
            "queryError: REQUESTED_METRICS_FOR_MANAGER",
        ),
    ] {
        let body = json_of(simulator.stream(&token, customer, query).await, 400).await;
        assert!(body.is_array(), "{body}");
        assert_eq!(failure(&body), expected, "{query}");
        let detail = &body[0]["error"]["details"][0];
        assert!(!text(&detail["requestId"]).is_empty());
        assert_eq!(
            detail["@type"],
            "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"
        );
    }
}

#[tokio::test]
async fn versions_that_are_gone_are_refused() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let call = simulator.get("/google-ads/v22/customers:listAccessibleCustomers");
    let answer = call.bearer_auth(&token).send().await.expect("answer");
    assert_eq!(failure(&json_of(answer, 400).await), "requestError: UNSUPPORTED_VERSION");
}

#[tokio::test]
async fn a_row_holds_what_was_selected_in_protobufs_json() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let query = format!(
        "SELECT campaign.name, campaign.advertising_channel_type, campaign_budget.amount_micros, \
         segments.date, metrics.cost_micros, metrics.conversions FROM campaign WHERE {MAY} \
         AND campaign.id = 4310050021001 ORDER BY segments.date LIMIT 1"
    );
    let body = json_of(simulator.stream(&token, "4310050021", &query).await, 200).await;
    let row = &body[0]["results"][0];
    assert_eq!(row["campaign"]["resourceName"], "customers/4310050021/campaigns/4310050021001");
    assert_eq!(row["campaign"]["advertisingChannelType"], "SEARCH");
    assert!(row["campaign"].get("id").is_none(), "the id was not selected");
    assert!(row["campaignBudget"]["amountMicros"].is_string());
    assert!(row["metrics"]["costMicros"].is_string());
    assert!(row["metrics"]["conversions"].is_f64());
    assert!(row["metrics"].get("clicks").is_none());
    assert_eq!(
        body[0]["fieldMask"],
        "campaign.name,campaign.advertisingChannelType,campaignBudget.amountMicros,\
         segments.date,metrics.costMicros,metrics.conversions"
    );
}

#[tokio::test]
async fn devices_and_networks_add_up_to_the_day() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let totals = async |segments: &str| {
        let query = format!(
            "SELECT campaign.id, segments.date{segments}, metrics.impressions, metrics.clicks, \
             metrics.cost_micros FROM campaign WHERE {MAY}"
        );
        let body = json_of(simulator.stream(&token, "4310050021", &query).await, 200).await;
        let mut totals: BTreeMap<(String, String), [u64; 3]> = BTreeMap::new();
        let rows = list(&body[0]["results"]);
        for row in rows {
            let key = (text(&row["campaign"]["id"]), text(&row["segments"]["date"]));
            let total = totals.entry(key).or_default();
            for (sum, name) in total.iter_mut().zip(["impressions", "clicks", "costMicros"]) {
                *sum += text(&row["metrics"][name]).parse::<u64>().expect("a count");
            }
        }
        (rows.len(), totals)
    };
    let (whole_rows, whole) = totals("").await;
    let (split_rows, split) = totals(", segments.device, segments.ad_network_type").await;
    assert!(split_rows > 2 * whole_rows);
    assert_eq!(split, whole);
}

#[tokio::test]
async fn removed_campaigns_keep_their_past_and_snapshots_name_them() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let query = "SELECT campaign.id, campaign.status FROM campaign \
                 WHERE campaign.status IN ('REMOVED')";
    let body = json_of(simulator.stream(&token, "4310050021", query).await, 200).await;
    let rows = list(&body[0]["results"]);
    assert_eq!(rows.len(), 1);
    let id = text(&rows[0]["campaign"]["id"]);
    let truth = simulator.true_account("Northwind Outfitters", "google_ads").await;
    let days = list(&truth["days"]).iter().filter(|day| {
        list(&day["campaigns"]).iter().any(|row| row["campaign_id"] == Value::String(id.clone()))
    });
    assert!(days.count() > 10);
}

#[tokio::test]
async fn search_pages_by_ten_thousand_and_knows_no_page_size() {
    let simulator = crate::support::simulator_of(simulators::Config {
        days: 500,
        ..simulators::Config::default()
    })
    .await;
    let token = simulator.google("northwind@example.com").await;
    let query = "SELECT campaign.id, segments.date, segments.device, segments.ad_network_type, \
                 metrics.clicks FROM campaign \
                 WHERE segments.date BETWEEN '2023-01-01' AND '2024-05-31'";
    let ask = async |more: Value| {
        let mut body = json!({ "query": query });
        body.as_object_mut().expect("an object").extend(
            more.as_object().expect("an object").iter().map(|(k, v)| (k.clone(), v.clone())),
        );
        let path = "/v26/customers/4310050021/googleAds:search";
        simulator.post(path, &body).bearer_auth(&token).send().await.expect("answer")
    };
    let first =
        json_of(ask(json!({ "searchSettings": { "returnTotalResultsCount": true } })).await, 200)
            .await;
    assert_eq!(list(&first["results"]).len(), 10_000);
    let mut count = 10_000;
    let mut next = first["nextPageToken"].as_str().map(str::to_owned);
    while let Some(token) = next {
        let page = json_of(ask(json!({ "pageToken": token })).await, 200).await;
        count += list(&page["results"]).len();
        next = page["nextPageToken"].as_str().map(str::to_owned);
    }
    assert_eq!(first["totalResultsCount"], count.to_string());

    // The stream holds the same rows, in chunks.
    let stream = simulator
        .post("/v26/customers/4310050021/googleAds:searchStream", &json!({ "query": query }))
        .bearer_auth(&token)
        .send()
        .await
        .expect("answer");
    let chunks = json_of(stream, 200).await;
    let sizes: Vec<usize> =
        list(&chunks).iter().map(|chunk| list(&chunk["results"]).len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), count);
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size <= 10_000), "{sizes:?}");

    let refused = json_of(ask(json!({ "pageSize": 5 })).await, 400).await;
    assert_eq!(failure(&refused), "requestError: PAGE_SIZE_NOT_SUPPORTED");
    let forged = json_of(ask(json!({ "pageToken": "forged" })).await, 400).await;
    assert_eq!(failure(&forged), "requestError: INVALID_PAGE_TOKEN");
}

#[tokio::test]
async fn a_range_without_figures_is_one_chunk_without_results() {
    let simulator = simulator().await;
    let token = simulator.google("agency@example.com").await;
    let query = "SELECT campaign.id, segments.date, metrics.clicks FROM campaign \
                 WHERE segments.date = '2024-06-01'";
    let body = json_of(simulator.stream(&token, "4310050021", query).await, 200).await;
    assert_eq!(list(&body).len(), 1);
    assert!(body[0].get("results").is_none());
}
