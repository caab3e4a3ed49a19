//! Stand-in.
use super::*;
use crate::id::*;
use crate::panel::script::ScriptStep;
use futures_util::StreamExt;
/// Stand-in.
pub struct Scripted(ProviderName);
impl Scripted {
    /// x
    pub fn new() -> Scripted {
        Scripted("scripted".parse().expect("name"))
    }
    /// x
    pub fn with_steps(self, _: &PanelName, _: &QueryName, _: &[ScriptStep]) -> Scripted {
        self
    }
}
impl Provider for Scripted {
    fn name(&self) -> &ProviderName {
        &self.0
    }
    fn place(&self) -> Place {
        Place::Simulated
    }
    fn ask(&self, _: Call) -> Chunks {
        futures_util::stream::iter(vec![
            Ok(Chunk::Sent),
            Ok(Chunk::Text("{\"project_summary\":{},\"compliance_status\":{}}".into())),
            Ok(Chunk::End(Finish::Stop)),
        ])
        .boxed()
    }
}
