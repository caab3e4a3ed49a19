//! Which models a provider offers, as it last told.
//!
//! A list is a hint and no rule: some servers load what they do not list, and
//! some know a model by more than one name. So a model that is not on it is
//! told to people and asked all the same.

use crate::fault::nearest;

/// What a provider told.
#[derive(Clone, Debug)]
pub struct Offered {
    /// The names, in its order.
    pub models: Vec<String>,
}

impl Offered {
    /// Whether it lists this model. A name without a tag means the latest one, and both may say `models/` first.
    pub fn has(&self, model: &str) -> bool {
        let model = model.strip_prefix("models/").unwrap_or(model);
        self.models.iter().any(|offered| offered == model || offered.strip_suffix(":latest") == Some(model))
    }

    /// The listed name that may have been meant.
    pub fn nearest(&self, model: &str) -> Option<&str> {
        nearest(model, self.models.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_usual_names_and_a_slip_of_the_pen_is_told() {
        let models = ["gpt-5-mini", "llama3:latest", "qwen3-32b"].map(str::to_owned).to_vec();
        let offered = Offered { models };
        let rows = [
            ("gpt-5-mini", true, Some("gpt-5-mini")),
            ("models/gpt-5-mini", true, None),
            ("llama3", true, None),
            ("llama3:8b", false, None),
            ("gpt-9-mini", false, Some("gpt-5-mini")),
            ("qwen3-32", false, Some("qwen3-32b")),
            ("mistral-large", false, None),
        ];
        for (model, has, near) in rows {
            assert_eq!(offered.has(model), has, "{model}");
            if !has {
                assert_eq!(offered.nearest(model), near, "{model}");
            }
        }
    }
}
