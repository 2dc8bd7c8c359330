//! Which Container Apps job runs dbt.

use std::fmt;

/// `/subscriptions/…/resourceGroups/…/providers/Microsoft.App/jobs/…`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerAppsJobId {
    id: String,
    pub(super) resource_group: String,
    pub(super) name: String,
}

impl ContainerAppsJobId {
    /// `None` if it is no job's id. Slashes at its ends are nobody's mistake.
    pub fn parse(id: &str) -> Option<Self> {
        let id = id.trim_matches('/');
        let segments: Vec<&str> = id.split('/').collect();
        let [subscriptions, subscription, groups, group, providers, app, jobs, name] = segments[..]
        else {
            return None;
        };
        let fixed = [subscriptions, groups, providers, app, jobs];
        let expected = ["subscriptions", "resourceGroups", "providers", "Microsoft.App", "jobs"];
        let matches =
            fixed.iter().zip(expected).all(|(is, should)| is.eq_ignore_ascii_case(should));
        (matches && [subscription, group, name].into_iter().all(is_plain)).then(|| Self {
            id: format!("/{id}"),
            resource_group: group.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// As the management API spells names: nothing that could turn a URL elsewhere.
fn is_plain(name: &str) -> bool {
    let plain = |char: char| char.is_alphanumeric() || "-_.()".contains(char);
    !name.is_empty() && !name.chars().all(|char| char == '.') && name.chars().all(plain)
}

impl fmt::Display for ContainerAppsJobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_jobs_id_is_taken() {
        let id = "/subscriptions/1-2/resourceGroups/my_rg/providers/microsoft.app/jobs/miq-dbt";
        let job = ContainerAppsJobId::parse(id).unwrap();
        assert_eq!((&*job.resource_group, &*job.name), ("my_rg", "miq-dbt"));
        assert_eq!(job.to_string(), id);
        assert_eq!(ContainerAppsJobId::parse(&format!("{}/", &id[1..])), Some(job));
        for other in [
            "",
            "miq-dbt",
            "/subscriptions/1/resourceGroups/g/providers/Microsoft.App/containerApps/a",
            "/subscriptions/1/resourceGroups/g/providers/Microsoft.App/jobs/",
            "/subscriptions/1/resourceGroups/../providers/Microsoft.App/jobs/a",
            "/subscriptions/1/resourceGroups/g/providers/Microsoft.App/jobs/a?b",
            "/subscriptions/1/resourceGroups/g/providers/Microsoft.App/jobs/a/start",
        ] {
            assert_eq!(ContainerAppsJobId::parse(other), None, "{other}");
        }
    }
}
