//! In which mode an ask is asked: planned with it, so a run that is taken over or retried comes to the same.

use std::sync::Arc;

use serde_json::Value;

use crate::ask::Ask;
use crate::ask::AskFault;
use crate::event;
use crate::event::Validation;
use crate::panel::Panel;
use crate::panel::mode::ChosenBy;
use crate::panel::mode::Modes;
use crate::panel::template::Variables;

/// The panel with those who take part in the ask's mode, and which that is; itself if it has only one way.
///
/// # Errors
/// When a rule of the panel cannot be decided over this ask.
pub fn choose(panel: &Arc<Panel>, ask: &Ask) -> Result<(Arc<Panel>, Option<Validation>), AskFault> {
    let Some(modes) = &panel.modes else { return Ok((Arc::clone(panel), None)) };
    let variables = Variables::of_ask(&ask.question, &ask.language, Value::Object(ask.input.clone()));
    let chosen = modes.choose(&variables).map_err(|why| AskFault {
        pointer: format!("/input/{}", Modes::INPUT),
        detail: format!("the panel could not choose a mode: {why}; name one"),
    })?;
    let validation = Validation {
        mode: chosen.mode.name.clone(),
        title: chosen.mode.title.in_language(&ask.language).to_owned(),
        chosen_by: match chosen.by {
            ChosenBy::Caller => event::ChosenBy::Caller,
            ChosenBy::Default => event::ChosenBy::Default,
            ChosenBy::Rules => event::ChosenBy::Auto,
        },
        reasons: chosen.reasons,
    };
    Ok((Arc::new(panel.in_mode(chosen.mode)), Some(validation)))
}
