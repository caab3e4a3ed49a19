//! One tiny call to each endpoint, all at once, and what came of it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::report::Check;
use super::report::Verdict;
use crate::cli::Exit;
use crate::engine::trial;
use crate::engine::trial::Terms;
use crate::engine::trial::Trial;
use crate::failure::Code;
use crate::failure::Failure;
use crate::pool::Absent;
use crate::pool::Endpoint;
use crate::pool::Group;
use crate::pool::Target;
use crate::provider::Place;
use crate::provider::tap::Tap;
use crate::runs::Catalogue;

/// An endpoint and the model that it is asked for.
pub struct Patient {
    group: Arc<Group>,
    endpoint: Arc<Endpoint>,
    model: Option<String>,
}

/// All configured endpoints outside this process, or those that `name` means.
pub fn patients(catalogue: &Catalogue, name: Option<&str>) -> Vec<Patient> {
    let mut patients = Vec::new();
    for group in catalogue.pool().groups() {
        let model = catalogue.model_to_try(group);
        let is_meant = |endpoint: &Endpoint| {
            name.is_none_or(|name| group.name().as_str() == name || endpoint.name() == name)
        };
        let asked = |endpoint: &Endpoint| host(&endpoint.provider.place()).is_some() && is_meant(endpoint);
        let endpoints = group.endpoints().iter().filter(|endpoint| asked(endpoint));
        patients.extend(endpoints.map(|endpoint| {
            let (group, endpoint) = (Arc::clone(group), Arc::clone(endpoint));
            Patient { group, endpoint, model: model.clone() }
        }));
    }
    patients
}

/// The endpoints that lack a key.
pub fn absent(catalogue: &Catalogue, name: Option<&str>) -> Vec<Check> {
    let meant =
        |absent: &&Absent| name.is_none_or(|name| absent.provider.as_str() == name || absent.name == name);
    let told = |absent: &Absent| {
        let at = host(&absent.place).unwrap_or_default();
        let text = format!("{at}, no key: {} is missing; it is not asked", absent.missing);
        let check = Check::new(&absent.name, Verdict::Fail(Exit::Configuration), text);
        check.fix(format!("set {} where the server is started", absent.missing))
    };
    catalogue.pool().absent().iter().filter(meant).map(told).collect()
}

impl Patient {
    /// What is told without asking.
    pub fn unasked(&self) -> Check {
        let text = format!("{}, {}; not asked", self.whom(), self.key());
        self.without_model().unwrap_or_else(|| Check::new(self.endpoint.name(), Verdict::Ok, text))
    }

    /// Asks once; the tap takes down what goes over the wire.
    async fn ask(&self, limit: Option<Duration>, tap: Option<Tap>) -> Check {
        let Some(model) = &self.model else {
            return self.without_model().unwrap_or_else(|| self.unasked());
        };
        let target = Target { group: Arc::clone(&self.group), model: model.clone() };
        let Trial { time, failure, offered } =
            trial::run(&target, &self.endpoint, Terms { limit, tap }).await;
        let offers = offered.map_or_else(String::new, |offered| match offered.models.len() {
            1 => ", offers 1 model".into(),
            n => format!(", offers {n} models"),
        });
        let ms = time.as_millis();
        let name = self.endpoint.name();
        match failure {
            None => {
                let text = format!("{}, answered in {ms} ms{offers}, {}", self.whom(), self.key());
                Check::new(name, Verdict::Ok, text)
            }
            Some(failure) => {
                let said = failure.provider_message.as_ref().map(|said| format!("\nsaid \"{said}\""));
                let asked = format!("\nasked {}, {ms} ms{offers}, {}", self.whom(), self.key());
                let text = format!("{}{asked}{}", failure.message, said.unwrap_or_default());
                let check = Check::new(name, Verdict::Fail(exit(&failure)), text);
                failure.hint.into_iter().fold(check, Check::fix)
            }
        }
    }

    fn without_model(&self) -> Option<Check> {
        let name = self.endpoint.provider.name();
        let text = format!("{}: no model of it is known", self.whom());
        let check = Check::new(self.endpoint.name(), Verdict::Warn, text);
        self.model.is_none().then(|| check.fix(format!("write model = \"...\" under [providers.{name}]")))
    }

    fn whom(&self) -> String {
        let host = host(&self.endpoint.provider.place()).unwrap_or_default();
        self.model.as_ref().map_or(host.clone(), |model| format!("{host}, {model}"))
    }

    fn key(&self) -> String {
        self.endpoint.key().map_or("no key".into(), |origin| format!("key from {origin}"))
    }
}

/// What the exit code says of a failure.
fn exit(failure: &Failure) -> Exit {
    match failure.code {
        Code::ConnectFailed | Code::TlsFailed | Code::Timeout => Exit::Unreachable,
        _ => Exit::NoResult,
    }
}

/// Where an endpoint is, if it is asked over a network.
fn host(place: &Place) -> Option<String> {
    match place {
        Place::Loopback { host } | Place::Remote { host } => Some(host.clone()),
        Place::BuiltIn | Place::Simulated => None,
    }
}

/// Asks all at once, and writes a transcript of each call into a directory if one is named.
///
/// # Errors
/// When a transcript cannot be written.
pub async fn ask(
    patients: &[Patient],
    limit: Option<Duration>,
    transcripts: Option<&Path>,
) -> io::Result<Vec<Check>> {
    let taps: Vec<Option<Tap>> = patients.iter().map(|_| transcripts.map(|_| Tap::default())).collect();
    let asking = patients.iter().zip(&taps).map(|(patient, tap)| patient.ask(limit, tap.clone()));
    let checks = join_all(asking).await;
    if let Some(dir) = transcripts {
        for (patient, tap) in patients.iter().zip(&taps) {
            tap.iter().try_for_each(|tap| write(dir, patient.endpoint.name(), tap))?;
        }
    }
    Ok(checks)
}

/// Writes `NAME.http`, the request and the head of its answer, and `NAME.txt`, the bytes of its body, as the
/// fixtures of the tests hold them. What was asked again with other parameters is `NAME-2` and so on.
fn write(dir: &Path, name: &str, tap: &Tap) -> io::Result<()> {
    for (transcript, nth) in tap.transcripts().into_iter().zip(1..) {
        let name = if nth == 1 { name.to_owned() } else { format!("{name}-{nth}") };
        std::fs::write(dir.join(format!("{name}.http")), transcript.head)?;
        if let Some(body) = transcript.body {
            std::fs::write(dir.join(format!("{name}.txt")), body)?;
        }
    }
    Ok(())
}
