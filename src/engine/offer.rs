//! A panel that can be asked: its schemas are compiled once, not for every ask.

use std::sync::Arc;

use serde_json::Value;

use crate::answer::BadSchema;
use crate::answer::Schema;
use crate::ask::Ask;
use crate::ask::AskFault;
use crate::id::QueryName;
use crate::panel::Panel;

/// A panel with its compiled schemas.
pub struct Offer {
    /// The panel.
    pub panel: Arc<Panel>,
    input: Option<Schema>,
    /// Of each query's answer, in the panel's order.
    outputs: Vec<Option<Schema>>,
}

impl Offer {
    /// Compiles what the panel brings.
    ///
    /// # Errors
    /// [`BadSchema`] when one of its schemas cannot be used.
    pub fn new(panel: Panel) -> Result<Offer, BadSchema> {
        let input = panel.input.as_deref().map(Schema::compile).transpose()?;
        let outputs =
            panel.queries.iter().map(|query| query.output.as_deref().map(Schema::compile).transpose());
        let outputs = outputs.collect::<Result<_, _>>()?;
        Ok(Offer { panel: Arc::new(panel), input, outputs })
    }

    /// What is wrong with the ask's input.
    pub fn input_faults(&self, ask: &Ask) -> Vec<AskFault> {
        let faults = self.faults(&Value::Object(ask.input.clone())).into_iter();
        faults.map(|fault| AskFault { pointer: format!("/input{}", fault.pointer), ..fault }).collect()
    }

    /// What is wrong with an input that stands for itself.
    pub fn faults(&self, input: &Value) -> Vec<AskFault> {
        let faults = self.input.as_ref().map(|schema| schema.faults(input)).unwrap_or_default();
        faults.into_iter().map(|(pointer, detail)| AskFault { pointer, detail }).collect()
    }

    /// What the answer of a query must fit.
    pub fn output(&self, query: &QueryName) -> Option<Schema> {
        let at = self.panel.queries.iter().position(|own| own.name == *query)?;
        self.outputs.get(at).cloned().flatten()
    }
}
