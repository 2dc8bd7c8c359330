//! A call whose person is known, at the node that it names.

use domain::Platform;
use serde_json::{Value, json};
use warp::http::Method;

use super::error::GraphError;
use super::insights::Question;
use super::params::Params;
use super::reports::Course;
use super::{Node, listing, objects};
use crate::faults::Fault;
use crate::oauth::{self, Pass};
use crate::universe::Account;
use crate::wire::{Answer, Call};
use crate::world::World;

pub(super) struct Visit<'a> {
    pub(super) world: &'a World,
    pub(super) call: &'a Call,
    pub(super) params: &'a Params,
    pub(super) pass: &'a Pass,
}

impl Visit<'_> {
    pub(super) fn answer(
        &self,
        node: &Node<'_>,
        fault: Option<Fault>,
    ) -> Result<Answer, GraphError> {
        let Self { world, params, pass, .. } = self;
        match node {
            Node::Token | Node::DebugToken => Err(GraphError::no_such_object("oauth")),
            Node::Me => {
                let id = pass.person.meta_id();
                Ok(Answer::ok(&json!({ "id": id, "name": pass.person.login })))
            }
            Node::Permissions if self.call.method == Method::DELETE => {
                Ok(oauth::meta::withdraw(&world.oauth, pass))
            }
            Node::Permissions => Ok(oauth::meta::permissions(pass)),
            Node::AdAccounts => {
                let mine: Vec<&Account> =
                    pass.person.accounts(&world.universe, Platform::MetaAds).collect();
                self.page(&objects::accounts(world, &mine, params, true)?)
            }
            Node::Account(id) => {
                let described = objects::accounts(world, &[self.account(id)?], params, false)?;
                Ok(Answer::ok(&described[0]))
            }
            Node::Campaigns(id) => self.page(&objects::campaigns(self.account(id)?, params)?),
            Node::Insights(id) => {
                let account = self.account(id)?;
                let question = Question::read(params, world.today(account))?;
                self.page(&question.rows(world, account))
            }
            Node::InsightsRun(id) => {
                let account = self.account(id)?;
                let question = Question::read(params, world.today(account))?;
                let course = match fault {
                    Some(Fault::StuckReport) => Course::Stuck,
                    Some(Fault::FailedReport) => Course::Fails,
                    _ => Course::Fine,
                };
                let polls = world.knobs().report_polls;
                let run = world.reports.order(&account.id, question, course, polls);
                Ok(Answer::ok(&json!({ "report_run_id": run })))
            }
            Node::Object(id) => self.object(id),
            Node::RunInsights(id) => {
                let run = world.reports.find(id).ok_or_else(|| GraphError::no_such_object(id))?;
                let account = self.account(&run.account_id)?;
                if !run.is_complete() {
                    return Err(GraphError::new(
                        2_601,
                        "(#2601) Error accessing the report run: it is not completed yet.",
                    ));
                }
                self.page(&run.question.rows(world, account))
            }
        }
    }

    /// A report run or a campaign, by its number.
    fn object(&self, id: &str) -> Result<Answer, GraphError> {
        if let Some(run) = self.world.reports.find(id) {
            self.account(&run.account_id)?;
            let state = self.world.reports.poll(id);
            return state.map(|state| Answer::ok(&state)).ok_or(GraphError::no_such_object(id));
        }
        self.pass
            .person
            .accounts(&self.world.universe, Platform::MetaAds)
            .find_map(|account| {
                let campaign = account.campaigns().iter().find(|campaign| campaign.id == id)?;
                Some(objects::campaign(account, campaign, self.params))
            })
            .unwrap_or_else(|| Err(GraphError::no_such_object(id)))
            .map(|campaign| Answer::ok(&campaign))
    }

    fn account(&self, id: &str) -> Result<&Account, GraphError> {
        self.pass
            .person
            .account(&self.world.universe, Platform::MetaAds, id)
            .ok_or_else(|| GraphError::no_such_object(&format!("act_{id}")))
    }

    fn page(&self, rows: &[Value]) -> Result<Answer, GraphError> {
        let token =
            self.params.get("access_token").or_else(|| self.call.bearer()).unwrap_or_default();
        listing::page(self.call, self.params, token, rows).map(|page| Answer::ok(&page))
    }
}
