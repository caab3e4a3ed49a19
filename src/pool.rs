//! The configured providers: who can be asked, and how many calls at once.
//!
//! A [`Target`] is one model of one provider; a provider is a [`Group`] of
//! endpoints, which are taken in turn.

pub mod care;
mod endpoint;
mod group;
mod offered;
mod pace;
mod recent;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

pub use endpoint::Admitted;
pub use endpoint::Endpoint;
pub use endpoint::Permit;
pub use endpoint::Retry;
pub use endpoint::Turn;
pub use group::Group;
pub use group::Shut;
pub use offered::Offered;
pub use recent::Figures;
pub use recent::Quantiles;

use crate::failure::Code;
use crate::failure::Failure;
use crate::id::ProviderName;
use crate::money::Currency;
use crate::money::Rate;
use crate::panel::ModelChoice;
use crate::provider::Place;

/// One model of one provider.
#[derive(Clone)]
pub struct Target {
    /// Who is asked.
    pub group: Arc<Group>,
    /// The model, as the provider calls it.
    pub model: String,
}

impl Target {
    /// What it costs: as configured, else nothing unless it is somewhere else.
    pub fn rate(&self) -> Rate {
        match self.group.prices.models.get(&self.model) {
            Some(price) => Rate::Known(*price),
            None if self.group.is_remote() => Rate::Unknown,
            None => Rate::Free,
        }
    }

    /// What its provider last told, if this model is not in it.
    pub fn missing(&self) -> Option<Arc<Offered>> {
        self.group.offered().filter(|offered| !offered.has(&self.model))
    }

    /// The same failure with the name that may have been meant, where the provider does not know this one.
    pub fn advise(&self, failure: Failure) -> Failure {
        if failure.code != Code::ModelNotFound {
            return failure;
        }
        match self.missing().as_ref().and_then(|offered| offered.nearest(&self.model)) {
            Some(near) => failure.hint(format!("Closest that it offers: {near}.")),
            None => failure,
        }
    }
}

impl From<&Target> for ModelChoice {
    fn from(target: &Target) -> ModelChoice {
        ModelChoice::Named { provider: target.group.name().clone(), model: Some(target.model.clone()) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let provider = self.group.name();
        match provider.as_str() == self.model {
            true => f.write_str(&self.model),
            false => write!(f, "{provider}/{}", self.model),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a model cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// Nothing is configured that could answer.
    #[error("no model is configured")]
    NoDefault,
    /// The provider is not configured.
    #[error("provider `{0}` is not configured")]
    UnknownProvider(String),
    /// Neither the choice nor the provider names a model.
    #[error("provider `{0}` has no default model; name one as {0}/MODEL")]
    NoModel(String),
}

/// An endpoint that is configured and cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Its provider.
    pub provider: ProviderName,
    /// Its name, as [`Endpoint::name`] would have it.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The secret that it lacks: the name of a variable, or that of a key of the configuration. Never a secret.
    pub missing: String,
    /// The same in a sentence, as it is told at the start.
    pub notice: String,
}

/// Whose turn it is, by provider.
pub type Turns = BTreeMap<String, usize>;

/// How long a list of models is believed without asking again, and what asking may take.
const FRESH: Duration = Duration::from_secs(10);
const LOOK_UP: Duration = Duration::from_millis(300);

/// All configured providers.
#[derive(Default)]
pub struct Pool {
    groups: BTreeMap<ProviderName, Arc<Group>>,
    absent: Vec<Absent>,
    default: Option<Target>,
    models: Vec<Target>,
    rules: Option<Target>,
}

impl Pool {
    /// Adds a provider.
    pub fn add(&mut self, group: Group) -> Arc<Group> {
        let group = Arc::new(group);
        if group.is_built_in() {
            let model = group.default_model.clone().unwrap_or_else(|| group.name().to_string());
            self.rules = Some(Target { group: Arc::clone(&group), model });
        }
        self.groups.insert(group.name().clone(), Arc::clone(&group));
        group
    }

    /// Remembers an endpoint that cannot be asked, for people.
    pub fn lack(&mut self, absent: Absent) {
        self.absent.push(absent);
    }

    /// Makes a model the default.
    pub fn set_default(&mut self, target: Target) {
        self.set_configured(target.clone());
        self.default = Some(target);
    }

    /// Adds a model to those that are asked where a panel wants each of them.
    pub fn set_configured(&mut self, target: Target) {
        if !self.models.iter().any(|model| model.to_string() == target.to_string()) {
            self.models.push(target);
        }
    }

    /// Each configured model, in the order of the configuration.
    pub fn models(&self) -> &[Target] {
        &self.models
    }

    /// The model that answers where a panel says `default`; the rules only where the panel has them.
    ///
    /// # Errors
    /// [`NoTarget::NoDefault`] when there is neither.
    pub fn default_target(&self, has_rules: bool) -> Result<Target, NoTarget> {
        let rules = self.rules.as_ref().filter(|_| has_rules);
        self.default.as_ref().or(rules).cloned().ok_or(NoTarget::NoDefault)
    }

    /// The target that a panel's choice means.
    ///
    /// # Errors
    /// [`NoTarget`] when it cannot be asked.
    pub fn target(&self, choice: &ModelChoice, has_rules: bool) -> Result<Target, NoTarget> {
        let (provider, model) = match choice {
            ModelChoice::Default => return self.default_target(has_rules),
            ModelChoice::Named { provider, model } => (provider, model),
        };
        let group =
            self.group(provider.as_str()).ok_or_else(|| NoTarget::UnknownProvider(provider.to_string()))?;
        let model = model.clone().or_else(|| group.default_model.clone());
        let model = model.ok_or_else(|| NoTarget::NoModel(provider.to_string()))?;
        Ok(Target { group: Arc::clone(group), model })
    }

    /// The currency of all prices, if there are any.
    pub fn currency(&self) -> Option<Currency> {
        let mut prices = self.groups.values().flat_map(|group| group.prices.models.values());
        prices.next().map(|price| price.currency)
    }

    /// All providers that can be asked, by name.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.values()
    }

    /// Asks the providers on this computer which models they offer, all at once, unless they told just now.
    /// Nothing of any ask is sent, and nobody elsewhere is asked.
    pub async fn look_up_here(&self) {
        let here = self.groups().filter(|group| group.is_loopback());
        join_all(here.map(|group| group.look_up(FRESH, LOOK_UP))).await;
    }

    /// All endpoints that can be asked, by their providers.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.groups.values().flat_map(|group| group.endpoints())
    }

    /// The provider of this name.
    pub fn group(&self, name: &str) -> Option<&Arc<Group>> {
        self.groups.values().find(|group| group.name().as_str() == name)
    }

    /// Whose turn it is at each provider that has several endpoints.
    pub fn turns(&self) -> Turns {
        let several = self.groups.iter().filter(|(_, group)| group.endpoints().len() > 1);
        several.map(|(name, group)| (name.to_string(), group.turn())).collect()
    }

    /// Goes on where an earlier configuration, or an earlier process, stopped.
    pub fn go_on_at(&self, turns: &Turns) {
        for (name, group) in &self.groups {
            if let Some(turn) = turns.get(name.as_str()) {
                group.go_on_at(*turn);
            }
        }
    }

    /// What is configured and cannot be asked.
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }
}
