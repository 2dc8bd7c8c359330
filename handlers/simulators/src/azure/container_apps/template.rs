//! What an execution runs, and what the platform checks of it.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use super::TransformJob;

/// The secret that the job has.
const SECRET: &str = "database-transform-url";

/// `JobExecutionTemplate`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Template {
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default)]
    init_containers: Option<Vec<Container>>,
}

/// `JobExecutionContainer`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Container {
    image: Option<String>,
    name: Option<String>,
    command: Option<Vec<String>>,
    args: Option<Vec<String>>,
    env: Option<Vec<Variable>>,
    resources: Option<Resources>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Variable {
    name: String,
    value: Option<String>,
    secret_ref: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Resources {
    cpu: Option<Number>,
    memory: Option<String>,
}

/// Why a template is refused: an error's code and message.
pub(super) type Refusal = (&'static str, String);

impl Template {
    /// The job's own.
    pub(super) fn of(job: &TransformJob) -> Self {
        Self {
            containers: vec![Container {
                image: Some(image(job)),
                name: Some("dbt".to_owned()),
                command: None,
                args: None,
                env: Some(vec![Variable {
                    name: "MIQ_DATABASE_TRANSFORM_URL".to_owned(),
                    value: None,
                    secret_ref: Some(SECRET.to_owned()),
                }]),
                resources: Some(Resources {
                    cpu: Number::from_f64(1.0),
                    memory: Some("2Gi".to_owned()),
                }),
            }],
            init_containers: None,
        }
    }

    pub(super) fn add(&mut self, variables: &[(&str, &str)]) {
        for container in &mut self.containers {
            container.env.get_or_insert_default().extend(variables.iter().map(|(name, value)| {
                let (name, value) = ((*name).to_owned(), Some((*value).to_owned()));
                Variable { name, value, secret_ref: None }
            }));
        }
    }

    /// The body of a start. It replaces the job's template as a whole; without one, the job's own
    /// is run.
    pub(super) fn asked_for(job: &TransformJob, body: &[u8]) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Ok(Self::of(job));
        }
        let template: Self = serde_json::from_slice(body).map_err(|error| {
            let told = format!(
                "The request content was invalid and could not be deserialized: '{error}'."
            );
            ("InvalidRequestContent", told)
        })?;
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), Refusal> {
        let invalid = |what: &str| ("ContainerAppInvalidTemplate", what.to_owned());
        let [container] = &self.containers[..] else {
            return Err(invalid("This job runs exactly one container."));
        };
        let name = container.name.as_deref().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| invalid("A container must have a name."))?;
        if container.image.as_deref().is_none_or(str::is_empty) {
            return Err(("ContainerAppImageRequired", format!("Container '{name}' has no image.")));
        }
        for variable in container.env.iter().flatten() {
            match (&variable.value, &variable.secret_ref) {
                (_, None) => {}
                (None, Some(secret)) if secret == SECRET => {}
                (None, Some(secret)) => {
                    return Err((
                        "ContainerAppSecretRefNotFound",
                        format!("SecretRef '{secret}' defined for container '{name}' not found."),
                    ));
                }
                (Some(_), Some(_)) => {
                    let variable = &variable.name;
                    return Err(invalid(&format!("'{variable}' has a value and a secretRef.")));
                }
            }
        }
        Ok(())
    }

    /// Whether the registry has the image.
    pub(super) fn can_be_pulled(&self, job: &TransformJob) -> bool {
        self.containers.iter().all(|container| container.image.as_ref() == Some(&image(job)))
    }

    /// The container's variables, with the values of secrets.
    pub(super) fn environment(&self, job: &TransformJob) -> Vec<(String, String)> {
        let variables = self.containers.iter().filter_map(|container| container.env.as_ref());
        variables
            .flatten()
            .map(|variable| {
                let value = match &variable.secret_ref {
                    Some(_) => job.database_url.clone(),
                    None => variable.value.clone().unwrap_or_default(),
                };
                (variable.name.clone(), value)
            })
            .collect()
    }

    /// As the job's own answer shows it, with members that an execution's template does not have.
    pub(super) fn in_job(&self) -> Value {
        let mut template = json!(self);
        for container in template["containers"].as_array_mut().into_iter().flatten() {
            container["imageType"] = json!("ContainerImage");
            container["probes"] = json!([]);
            container["resources"]["ephemeralStorage"] = json!("4Gi");
        }
        template["volumes"] = Value::Null;
        template
    }
}

fn image(job: &TransformJob) -> String {
    format!("{}.azurecr.io/marketing-iq-dbt:latest", job.name.replace('-', ""))
}
