//! What can be run, by whom, and how: what a configuration says, replaced whole when it is read again.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use super::Refusal;
use super::Settings;
use crate::ask::Ask;
use crate::engine::CannotRun;
use crate::engine::Job;
use crate::engine::Offer;
use crate::id::PanelName;
use crate::panel::ModelChoice;
use crate::panel::Panel;
use crate::pool::Group;
use crate::pool::Pool;

/// What can be run. A run keeps that of its beginning.
pub struct Catalogue {
    panels: BTreeMap<PanelName, Offer>,
    pool: Pool,
    /// How runs are run.
    pub settings: Settings,
    places: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// Counts as waiting while it lives.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Waits<'a> {
        waiting.fetch_add(1, Ordering::Relaxed);
        Waits(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Catalogue {
    /// These offers, asked of this pool.
    pub fn new(offers: Vec<Offer>, pool: Pool, settings: Settings) -> Catalogue {
        let panels = offers.into_iter().map(|offer| (offer.panel.name.clone(), offer)).collect();
        let places = Arc::new(Semaphore::new(settings.active_runs.min(Semaphore::MAX_PERMITS)));
        Catalogue { panels, pool, settings, places, waiting: Arc::default() }
    }

    /// A place among the runs that are under way at once, in the order in which it was asked for.
    pub fn place(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + Send + use<> {
        let (places, waiting) = (Arc::clone(&self.places), Arc::clone(&self.waiting));
        async move {
            let _waits = Waits::begin(&waiting);
            // Never closed; without a permit the run simply is not counted.
            places.acquire_owned().await.ok()
        }
    }

    /// Most runs that are under way or wait for a place.
    pub fn most_runs(&self) -> usize {
        self.settings.active_runs.saturating_add(self.settings.queued_runs)
    }

    /// Runs that wait for a place.
    pub fn queued(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The panels that can be run.
    pub fn panels(&self) -> impl Iterator<Item = &Arc<Panel>> {
        self.panels.values().map(|offer| &offer.panel)
    }

    /// The panel whose input the checks read: the default one if it has checks, else the first that has.
    pub fn checking(&self) -> Option<&Offer> {
        let default = self.panels.get(&self.settings.default_panel);
        default.into_iter().chain(self.panels.values()).find(|offer| offer.panel.checks.is_some())
    }

    /// Who can be asked.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The models of a provider that can be asked for by what is configured.
    pub fn models(&self, provider: &str) -> BTreeSet<String> {
        let default = self.pool.group(provider).and_then(|group| group.default_model.clone());
        let mut models = BTreeSet::from_iter(default);
        let choices = self.panels().flat_map(|panel| &panel.queries).flat_map(|query| &query.models);
        models.extend(choices.filter_map(|choice| match choice {
            ModelChoice::Named { provider: of, model } if of.as_str() == provider => model.clone(),
            _ => None,
        }));
        if let Ok(target) = self.pool.default_target(true)
            && target.group.name().as_str() == provider
        {
            models.insert(target.model);
        }
        models
    }

    /// The model with which a provider is tried: its own, else one that a panel names.
    pub fn model_to_try(&self, group: &Group) -> Option<String> {
        let named = || self.models(group.name().as_str()).into_iter().next();
        group.default_model.clone().or_else(named)
    }

    /// How `ask` would be run.
    ///
    /// # Errors
    /// [`Refusal`] when it cannot be.
    pub fn plan(&self, ask: &Arc<Ask>) -> Result<Job, Refusal> {
        let name = ask.panel.as_ref().unwrap_or(&self.settings.default_panel);
        let offer = self
            .panels
            .get(name)
            .ok_or_else(|| Refusal::UnknownPanel(name.to_string(), self.panels.keys().cloned().collect()))?;
        let job = Job::plan(offer, Arc::clone(ask), &self.pool, &self.settings.clocks);
        let job = job.map_err(|cannot| match cannot {
            CannotRun::Faults(faults) => Refusal::Faults(faults),
            CannotRun::NoTarget(query, why) => Refusal::NoProvider(query, why),
        })?;
        Ok(Job { knowledge: self.settings.knowledge.clone(), ..job })
    }
}
