//! Three sources that must agree: what the function definitions refer to, what the binary reads,
//! and what the Bicep sets. A timer whose setting is missing is disabled without a word; a setting
//! under a wrong name is one that nobody reads.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Command;

use domain::registry::{FUNCTIONS, Function, QUEUE_CONNECTION, Trigger};

use crate::bicep::{app_settings, list, secret, text_of};
use crate::world::binary;

/// What the Functions host itself reads. A connection is a prefix.
const READ_BY_HOST: &[&str] = &[
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "MIQ_QUEUES__clientId",
    "MIQ_QUEUES__credential",
    "MIQ_QUEUES__queueServiceUri",
];

/// The names in `text` that are settings' and stand between `quote`s.
fn names(text: &str, quote: char) -> BTreeSet<String> {
    let parts = text.split(quote).filter(|part| {
        let named = part.starts_with("MIQ_") || *part == "AZURE_CLIENT_ID";
        named && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    });
    parts.map(str::to_owned).collect()
}

/// Every setting that the binary looks at, by its source: they are read in one place.
fn read_by_binary() -> BTreeSet<String> {
    let sources = ["settings.rs", "settings/backends.rs", "settings/read.rs", "commands.rs"];
    let mut read = BTreeSet::new();
    for source in sources {
        let text = text_of(&format!("handlers/{source}"));
        let product = text.split("#[cfg(test)]").next().expect("a beginning");
        read.extend(names(product, '"'));
    }
    read.extend(schedules());
    read
}

fn schedules() -> impl Iterator<Item = String> {
    FUNCTIONS.iter().filter_map(|function| match function.trigger {
        Trigger::Timer(timer) => Some(timer.schedule_setting.to_owned()),
        Trigger::Queue(_) | Trigger::Http(_) => None,
    })
}

/// An app setting's value as an instance would see it, with examples for what a deployment fills
/// in. Secrets are what the vault would answer.
fn example(name: &str, expression: &str) -> String {
    if let Some(secret) = secret(expression) {
        let database = |role| format!("postgres://{role}:password@127.0.0.1:1/marketing_iq");
        return match secret {
            "database-app-url" => database("miq_app"),
            "database-transform-url" => database("miq_transform"),
            "database-api-url" => database("miq_api"),
            "redis-url" => "rediss://default:password@127.0.0.1:1".to_owned(),
            "token-key" => crate::cloud::token_key(),
            "google-client-secret" | "google-developer-token" | "meta-app-secret" => "x".to_owned(),
            _ => panic!("an example for the secret {secret} of {name}"),
        };
    }
    let known = match expression {
        "dataBlobEndpoint" => "https://data.blob.core.windows.net/",
        "dataQueueEndpoint" => "https://data.queue.core.windows.net/",
        "vaultUri" => "https://vault.vault.azure.net/",
        "transformJobId" => {
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/jobs/miq-dbt"
        }
        "environment().resourceManager" => "https://management.azure.com/",
        "publicUrl" => "https://miq.azurewebsites.net/",
        "rawContainer" => "raw",
        "schedule" => "0 */30 * * * *",
        "signup" => "invite",
        "string(backfillDays)" => "90",
        "logFilter" => "info",
        "googleClientId" | "metaAppId" | "identityClientId" => "an-id",
        "hostBlobEndpoint" | "hostQueueEndpoint" | "hostTableEndpoint" => "https://host/",
        "insightsConnectionString" => "InstrumentationKey=none",
        literal if literal.starts_with('\'') => literal.trim_matches('\''),
        _ => panic!("an example for {expression} of {name}"),
    };
    known.to_owned()
}

/// What an instance's environment holds.
fn instance() -> BTreeMap<String, String> {
    let settings = app_settings();
    let example =
        |(name, expression): (&String, &String)| (name.clone(), example(name, expression));
    let mut instance: BTreeMap<_, _> = settings.iter().map(example).collect();
    // Azure's own, beside the app settings.
    instance.insert("IDENTITY_ENDPOINT".to_owned(), "http://127.0.0.1:1/msi/token".to_owned());
    instance
}

/// What the binary says of its settings. It ends at the latest where it would listen: that address
/// is taken.
fn told(settings: &BTreeMap<String, String>) -> String {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let output = Command::new(binary())
        .arg("serve")
        .env_clear()
        .envs(settings)
        .env("MIQ_LISTEN", taken.local_addr().expect("an address").to_string())
        .output()
        .expect("the binary starts");
    assert!(!output.status.success(), "it serves on a port that is taken");
    String::from_utf8(output.stderr).expect("text")
}

/// The settings that the binary finds at fault.
fn at_fault(settings: &BTreeMap<String, String>) -> Vec<String> {
    let told = told(settings);
    let faults = told.lines().filter_map(|line| line.trim_start().strip_prefix("- "));
    let name = |fault: &str| {
        let end = fault.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        fault[..end.unwrap_or(fault.len())].to_owned()
    };
    faults.map(name).collect()
}

#[test]
fn the_binary_takes_what_the_template_sets() {
    let told = told(&instance());
    assert!(!told.contains("settings are at fault"), "{told}");
    assert!(told.contains("ddress already in use"), "it did not come as far as listening: {told}");
}

#[test]
fn nothing_that_the_binary_requires_is_missing() {
    let instance = instance();
    // The choices of backends decide what else is required. What is asked for is given, until
    // nothing more is: some settings are asked for once others are there.
    let choices = ["MIQ_RAW_STORE", "MIQ_QUEUE", "MIQ_SECRETS", "MIQ_TRANSFORMER"];
    let mut given: BTreeMap<_, _> =
        choices.map(|name| (name.to_owned(), instance[name].clone())).into();
    let mut required = Vec::new();
    loop {
        let asked = at_fault(&given);
        if asked.is_empty() {
            break;
        }
        for name in asked {
            let value = instance.get(&name).unwrap_or_else(|| panic!("{name} is not set"));
            assert_eq!(
                given.insert(name.clone(), value.clone()),
                None,
                "{name} is asked for twice"
            );
            required.push(name);
        }
    }
    assert!(required.len() >= 8, "only {required:?} are required");
    for name in required {
        let mut without = instance.clone();
        without.remove(&name);
        assert_eq!(at_fault(&without), [name]);
    }
}

#[test]
fn every_secret_that_did_not_resolve_is_told() {
    let mut instance = instance();
    let mut references: Vec<String> = Vec::new();
    for (name, expression) in app_settings() {
        if secret(&expression).is_some() {
            instance.insert(name.clone(), expression.trim_matches('\'').to_owned());
            references.push(name);
        }
    }
    let told: BTreeSet<_> = at_fault(&instance).into_iter().collect();
    for name in references {
        assert!(told.contains(&name), "{name} is not told: {told:?}");
    }
}

#[test]
fn nothing_is_set_that_nobody_reads() {
    let read = read_by_binary();
    for name in app_settings().keys() {
        let known = read.contains(name) || READ_BY_HOST.contains(&name.as_str());
        assert!(known, "{name} is set, and neither the binary nor the host reads it");
    }
}

#[test]
fn what_function_definitions_refer_to_is_set() {
    let settings = app_settings();
    for function in FUNCTIONS {
        let path = format!("function-definitions/{}/function.json", function.name);
        let definition = text_of(&path);
        for referred in definition.split('%').skip(1).step_by(2) {
            assert!(settings.contains_key(referred), "{path} refers to {referred}");
        }
        if definition.contains("\"connection\"") {
            assert!(
                definition.contains(&format!("\"connection\": \"{QUEUE_CONNECTION}\"")),
                "{path}"
            );
            for part in ["queueServiceUri", "credential", "clientId"] {
                let name = format!("{QUEUE_CONNECTION}__{part}");
                assert!(settings.contains_key(&name), "{path} needs {name}");
            }
        }
    }
    let host = text_of("host.json");
    assert_eq!(
        host.matches('%').count(),
        0,
        "host.json refers to a setting that is not looked for"
    );
}

#[test]
fn queues_timers_and_containers_are_those_of_the_registry() {
    let main = text_of("infra-bicep/main.bicep");
    let named = |wanted: fn(&Function) -> Option<&'static str>| -> BTreeSet<String> {
        FUNCTIONS.iter().filter_map(wanted).map(str::to_owned).collect()
    };
    let queues = named(|function| match function.trigger {
        Trigger::Queue(queue) => Some(queue.queue),
        Trigger::Timer(_) | Trigger::Http(_) => None,
    });
    let workers = named(|function| match function.trigger {
        Trigger::Queue(_) => Some(function.name),
        Trigger::Timer(_) | Trigger::Http(_) => None,
    });
    let timers = named(|function| match function.trigger {
        Trigger::Timer(_) => Some(function.name),
        Trigger::Queue(_) | Trigger::Http(_) => None,
    });
    for (name, registered) in [("jobQueues", queues), ("workers", workers), ("timers", timers)] {
        let declared = list(&main, name);
        assert_eq!(declared.len(), registered.len(), "{name}");
        assert_eq!(declared.into_iter().collect::<BTreeSet<_>>(), registered, "{name}");
    }
    let storage = text_of("infra-bicep/modules/storage.bicep");
    assert!(storage.contains("[for queue in queues: '${queue}-poison']"), "poison queues");
    assert!(storage.contains("for queue in concat(queues, poisonQueues)"), "poison queues");
    assert!(main.contains("queues: jobQueues\n"), "the queues are not created");
    assert!(main.contains("containers: [\n      rawContainer\n    ]"), "no container of raw data");
    assert_eq!(app_settings()["MIQ_BLOB_CONTAINER"], "rawContainer");
    assert_eq!(app_settings()["MIQ_BLOB_URL"], "dataBlobEndpoint");
}

/// So that this test's own idea of what the binary reads is the one that people are told.
#[test]
fn the_document_of_settings_lists_every_one() {
    let documented = names(&text_of("docs/settings.md"), '`');
    let read = read_by_binary();
    let unknown: Vec<_> = read.difference(&documented).collect();
    assert!(unknown.is_empty(), "docs/settings.md does not list {unknown:?}");
    let gone: Vec<_> = documented.difference(&read).collect();
    assert!(gone.is_empty(), "docs/settings.md lists {gone:?}, which nobody reads");
}
