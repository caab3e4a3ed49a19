//! One small call by hand, to find out whether an endpoint works.
//!
//! It takes a permit and tells the endpoint's breaker like any other call, so
//! that one which succeeds brings the endpoint back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use tokio::time::Instant;
use tokio::time::timeout_at;

use super::attempt;
use super::attempt::Going;
use super::attempt::Report;
use super::clocks::Clocks;
use crate::event::Phase;
use crate::event::Usage;
use crate::failure::Clock;
use crate::failure::Code;
use crate::failure::Failure;
use crate::id::ProviderName;
use crate::pool::Endpoint;
use crate::pool::Offered;
use crate::pool::Shut;
use crate::pool::Target;
use crate::provider::Call;
use crate::provider::Chunks;
use crate::provider::Message;
use crate::provider::Place;
use crate::provider::Provider;
use crate::provider::Role;
use crate::provider::tap::Tap;

/// What it may take in all, waiting included.
const LIMIT: Duration = Duration::from_secs(15);
/// The same on this computer, where a model may have to be loaded.
const LOOPBACK_LIMIT: Duration = Duration::from_secs(60);
/// What the list of models may take.
const LOOK_UP: Duration = Duration::from_secs(5);
/// Most tokens of the answer; what it says does not matter.
const MAX_TOKENS: u32 = 5;

/// How it went.
#[derive(Clone, Debug)]
pub struct Trial {
    /// How long it took, without waiting for a permit.
    pub time: Duration,
    /// Why the endpoint does not work, if so.
    pub failure: Option<Failure>,
    /// The models that the provider offers, if it ever told.
    pub offered: Option<Arc<Offered>>,
}

/// What may be wanted of a trial beside an answer.
#[derive(Clone, Default)]
pub struct Terms {
    /// What it may take, if not 15 s, or a minute on this computer.
    pub limit: Option<Duration>,
    /// Takes down what goes over the wire.
    pub tap: Option<Tap>,
}

/// Asks a model at this endpoint of its provider for one word, and the provider for the models that it offers.
pub async fn run(target: &Target, endpoint: &Arc<Endpoint>, terms: Terms) -> Trial {
    if matches!(endpoint.provider.place(), Place::BuiltIn | Place::Simulated) {
        // They are in this process: there is nothing that could be out of reach.
        return Trial { time: Duration::ZERO, failure: None, offered: None };
    }
    let look_up = target.group.look_up(Duration::ZERO, LOOK_UP);
    let ((time, failure), offered) = join(ask(endpoint, &target.model, terms), look_up).await;
    Trial { time, failure: failure.map(|failure| target.advise(failure)), offered }
}

async fn ask(endpoint: &Arc<Endpoint>, model: &str, terms: Terms) -> (Duration, Option<Failure>) {
    let limit = terms.limit.unwrap_or(if endpoint.is_loopback() { LOOPBACK_LIMIT } else { LIMIT });
    let deadline = Instant::now() + limit;
    let mut admitted = match endpoint.admit_by_hand() {
        Ok(admitted) => admitted,
        Err(why) => {
            let failure = Shut { endpoint: Arc::clone(endpoint), why }.failure();
            return (Duration::ZERO, Some(failure));
        }
    };
    let Ok(mut permit) = timeout_at(deadline, endpoint.turn().permit()).await else {
        let message = format!("All its calls are taken; none became free within {} s.", limit.as_secs());
        let failure = endpoint.mark(Failure::timeout(Clock::Query, limit, message));
        return (Duration::ZERO, Some(failure));
    };
    admitted.begin();
    let started = Instant::now();
    let left = deadline - started;
    let clocks = Clocks { connect: left, first_content: left, idle: left, per_call: left };
    let mut going = Going { report: &mut Nobody, permit: &mut permit };
    let provider = Tapped { provider: Arc::clone(&endpoint.provider), tap: terms.tap };
    let asked = attempt::run(&provider, call(model), &clocks, &mut going);
    let failure = match timeout_at(deadline, asked).await {
        Ok(Ok(_)) => None,
        // A model that thinks first has used up its few tokens: it was reached, and took our key.
        Ok(Err(broken)) if broken.failure.code == Code::EmptyAnswer => None,
        Ok(Err(broken)) => Some(broken.failure),
        Err(_) => {
            Some(Failure::timeout(Clock::Attempt, limit, format!("No answer within {} s.", limit.as_secs())))
        }
    };
    let failure = failure.map(|failure| endpoint.mark(failure));
    match &failure {
        None => admitted.succeeded(None),
        Some(failure) => admitted.failed(failure),
    }
    (started.elapsed(), failure)
}

fn call(model: &str) -> Call {
    Call {
        panel: "test".parse().expect("a plain lower-case word is a name"),
        query: "test".parse().expect("a plain lower-case word is a name"),
        attempt: 1,
        model: model.to_owned(),
        messages: vec![Message { role: Role::User, content: "Say: ok".into() }],
        temperature: None,
        max_tokens: Some(MAX_TOKENS),
        schema: None,
        checked: None,
    }
}

/// A provider whose calls are taken down, if that is wanted.
struct Tapped {
    provider: Arc<dyn Provider>,
    tap: Option<Tap>,
}

impl Provider for Tapped {
    fn name(&self) -> &ProviderName {
        self.provider.name()
    }

    fn place(&self) -> Place {
        self.provider.place()
    }

    fn streams(&self) -> bool {
        self.provider.streams()
    }

    fn ask(&self, call: Call) -> Chunks {
        match &self.tap {
            Some(tap) => self.provider.ask_tapped(call, tap.clone()),
            None => self.provider.ask(call),
        }
    }
}

/// Hears nothing.
struct Nobody;

impl Report for Nobody {
    async fn phase(&mut self, _: Phase) {}

    async fn text(&mut self, _: String) {}

    async fn usage(&mut self, _: Usage) {}
}
