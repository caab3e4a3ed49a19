//! What is said to a model, for vendors that take the instructions apart from the messages.

use crate::provider::Message;
use crate::provider::Role;

/// The instructions, and what the user says.
pub struct Speech {
    /// All instructions in one text.
    pub system: Option<String>,
    /// What the user says, never nothing: without a user the instructions are the message.
    pub user: Vec<String>,
}

impl Speech {
    /// The messages of a call, taken apart.
    pub fn of(messages: &[Message]) -> Speech {
        let said = |role: Role| messages.iter().filter(move |message| message.role == role);
        let system: Vec<&str> = said(Role::System).map(|message| message.content.as_str()).collect();
        let system = (!system.is_empty()).then(|| system.join("\n\n"));
        let user: Vec<String> = said(Role::User).map(|message| message.content.clone()).collect();
        if user.is_empty() {
            return Speech { system: None, user: system.into_iter().collect() };
        }
        Speech { system, user }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_something_to_answer() {
        let message = |role, content: &str| Message { role, content: content.into() };
        let (system, user) = (message(Role::System, "Be brief."), message(Role::User, "Safe?"));
        let both = Speech::of(&[system.clone(), user.clone(), system.clone()]);
        assert_eq!(both.system.as_deref(), Some("Be brief.\n\nBe brief."));
        assert_eq!(both.user, ["Safe?"]);
        assert_eq!(Speech::of(&[user]).system, None);
        let alone = Speech::of(&[system]);
        assert_eq!((alone.system, alone.user), (None, vec!["Be brief.".to_owned()]));
    }
}
