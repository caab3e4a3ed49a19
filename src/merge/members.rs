//! All answers to one question side by side, one made of them, and how far they agree.
//!
//! Works for any panel whose members are asked the same: personas over one
//! model as well as several models. A failed member has its reason and no
//! answer, and nothing of it stands in any text. Pure.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::agreement;
use crate::event::QueryCompleted;
use crate::event::QueryStatus;
use crate::event::Validation;
use crate::panel::Members;

/// Most characters of an answer where the synthesis has none.
const EXCERPT: usize = 600;

/// A round of answers.
#[derive(Debug)]
pub struct Round<'a> {
    /// What was asked.
    pub question: &'a str,
    /// In which mode, if the panel has several.
    pub validation: Option<&'a Validation>,
    /// Whether everybody was given passages of own documents.
    pub has_passages: bool,
    /// Who was asked, in the panel's order.
    pub voices: Vec<Voice<'a>>,
    /// Who is who among them.
    pub who: &'a Members,
}

/// One query that was asked.
#[derive(Debug)]
pub struct Voice<'a> {
    /// Its name for people.
    pub name: &'a str,
    /// Its sign.
    pub icon: Option<&'a str>,
    /// What it stands for.
    pub role: Option<&'a str>,
    /// Whether it answers the question itself, and not what others said.
    pub is_member: bool,
    /// How it ended.
    pub end: &'a QueryCompleted,
}

impl Voice<'_> {
    fn answer(&self) -> Option<&Value> {
        self.end.result.as_ref().filter(|_| self.end.status == QueryStatus::Succeeded)
    }

    /// Everything of it; what there is not is null, so that each has the same keys.
    fn shown(&self) -> Value {
        let end = self.end;
        let error =
            end.error.as_ref().map(|failure| json!({"code": failure.code, "message": failure.message}));
        json!({
            "query": end.query,
            "fighter": self.name,
            "emoji": self.icon,
            "role": self.role,
            "answer": self.answer(),
            "success": self.answer().is_some(),
            "error": error,
            "response_time": end.time_ms as f64 / 1000.0,
            "provider": end.asked.as_ref().map(|asked| &asked.provider),
            "model": end.asked.as_ref().map(|asked| &asked.model),
            "usage": end.usage,
            "cost": end.cost,
        })
    }
}

/// The result of a round.
pub fn report(round: &Round<'_>) -> Map<String, Value> {
    let members: Vec<&Voice<'_>> = round.voices.iter().filter(|voice| voice.is_member).collect();
    let answered: Vec<&Voice<'_>> =
        members.iter().copied().filter(|voice| voice.answer().is_some()).collect();
    let is_synthesis = |voice: &&Voice<'_>| round.who.synthesis.as_ref() == Some(&voice.end.query);
    let others = round.voices.iter().filter(|voice| !voice.is_member && !is_synthesis(voice));
    let reviews: Vec<Value> = others.map(Voice::shown).collect();
    let (synthesis, method) = match round.voices.iter().find(is_synthesis) {
        None => (Value::Null, "none"),
        Some(voice) => match voice.answer() {
            Some(text) => (text.clone(), "model"),
            None => (excerpts(&answered), "fallback"),
        },
    };
    let mut result = Map::new();
    let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
    put("query", json!(round.question));
    if let Some(validation) = round.validation {
        put("validation", json!(validation));
    }
    put("rag_context_used", json!(round.has_passages));
    put("responses", members.iter().map(|voice| voice.shown()).collect());
    put("success_count", json!(answered.len()));
    put("total_fighters", json!(members.len()));
    if !reviews.is_empty() {
        put("reviews", Value::Array(reviews));
    }
    put("synthesis", synthesis);
    put("synthesis_method", json!(method));
    put("agreement", agreed(&answered));
    put("dissent", dissent(round, &answered));
    result
}

/// How far the answers agree, by what they say and nothing else.
fn agreed(answered: &[&Voice<'_>]) -> Value {
    let texts: Vec<String> = answered.iter().filter_map(|voice| voice.answer()).map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let found = agreement::measure(&texts);
    let names = |places: &[usize]| places.iter().map(|at| json!(answered[*at].end.query)).collect::<Value>();
    let groups: Vec<Value> = found.groups.iter().map(|group| names(group)).collect();
    json!({"level": found.level, "groups": groups, "undecided": names(&found.undecided)})
}

/// The answer of the one who is asked to disagree, apart from the others.
fn dissent(round: &Round<'_>, answered: &[&Voice<'_>]) -> Value {
    let dissent = answered.iter().find(|voice| round.who.dissent.as_ref() == Some(&voice.end.query));
    dissent.map_or(
        Value::Null,
        |voice| json!({"query": voice.end.query, "fighter": voice.name, "answer": voice.answer()}),
    )
}

/// The beginning of each answer below its member's name.
fn excerpts(answered: &[&Voice<'_>]) -> Value {
    let excerpt = |voice: &&Voice<'_>| {
        let text = voice.answer().map(text).unwrap_or_default();
        format!("## {}\n\n{}", voice.name, shortened(&text))
    };
    match answered.is_empty() {
        true => Value::Null,
        false => answered.iter().map(excerpt).collect::<Vec<_>>().join("\n\n").into(),
    }
}

fn text(answer: &Value) -> String {
    answer.as_str().map_or_else(|| answer.to_string(), str::to_owned)
}

/// A text up to the end of its last sentence, or word, that fits.
fn shortened(text: &str) -> String {
    let text = text.trim();
    let Some((most, _)) = text.char_indices().nth(EXCERPT) else { return text.to_owned() };
    let start = &text[..most];
    let sentence = start.rfind(". ").map(|at| at + 1).filter(|at| *at > most / 2);
    let end = sentence.or_else(|| start.rfind(char::is_whitespace)).unwrap_or(most);
    format!("{} ...", start[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Asked;
    use crate::failure::Code;
    use crate::failure::Failure;

    fn end(query: &str, answer: Result<&str, Code>) -> QueryCompleted {
        QueryCompleted {
            query: query.parse().unwrap(),
            status: if answer.is_ok() { QueryStatus::Succeeded } else { QueryStatus::Failed },
            time_ms: 1500,
            attempts: 1,
            asked: Some(Asked { provider: "lab".into(), model: "m".into() }),
            usage: None,
            cost: None,
            result: answer.ok().map(Value::from),
            default: None,
            partial_result: None,
            error: answer.err().map(|code| Failure::new(code, "It broke.")),
            warnings: Vec::new(),
            carried_over: false,
            recovered: false,
        }
    }

    fn of(ends: &[QueryCompleted]) -> Value {
        let who = Members { synthesis: "sum".parse().ok(), dissent: "b".parse().ok() };
        let voice = |end| Voice {
            name: "Name",
            icon: Some("*"),
            role: None,
            is_member: !["sum", "review"].contains(&QueryCompleted::query_name(end)),
            end,
        };
        let voices = ends.iter().map(voice).collect();
        Value::Object(report(&Round {
            question: "Why?",
            validation: None,
            has_passages: true,
            voices,
            who: &who,
        }))
    }

    impl QueryCompleted {
        fn query_name(&self) -> &str {
            self.query.as_str()
        }
    }

    #[test]
    fn every_member_has_the_same_keys_and_a_failed_one_no_answer() {
        let result = of(&[end("a", Ok("Yes.")), end("b", Err(Code::Timeout)), end("sum", Ok("So: yes."))]);
        let [good, bad] = &result["responses"].as_array().unwrap()[..] else { panic!("{result}") };
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(good), keys(bad));
        assert_eq!((&good["answer"], &good["success"]), (&json!("Yes."), &json!(true)));
        assert_eq!((&good["response_time"], &good["provider"]), (&json!(1.5), &json!("lab")));
        assert_eq!((&bad["answer"], &bad["success"]), (&Value::Null, &json!(false)));
        assert_eq!(bad["error"]["code"], "timeout");
        assert_eq!((&result["success_count"], &result["total_fighters"]), (&json!(1), &json!(2)));
        assert_eq!(
            (&result["synthesis"], &result["synthesis_method"]),
            (&json!("So: yes."), &json!("model"))
        );
        assert_eq!((&result["dissent"], &result["agreement"]["level"]), (&Value::Null, &json!("unknown")));
    }

    #[test]
    fn without_a_synthesis_there_are_headed_excerpts_of_what_was_answered() {
        let long = "The wall holds. ".repeat(60);
        let failed = end("sum", Err(Code::ProviderError));
        let result = of(&[end("a", Ok(&long)), end("b", Ok("No.")), end("c", Err(Code::Timeout)), failed]);
        let text = result["synthesis"].as_str().unwrap();
        assert_eq!(result["synthesis_method"], "fallback");
        assert_eq!(text.matches("## Name").count(), 2);
        assert!(text.contains("holds. ...") && text.ends_with("No.") && !text.contains("broke"), "{text}");
        assert!(text.chars().count() < 700);
        assert_eq!(result["dissent"]["answer"], "No.");
    }

    #[test]
    fn nobody_was_asked_for_a_synthesis_and_reviews_stand_apart() {
        let result = of(&[end("a", Ok("Yes.")), end("review", Ok("Well said."))]);
        assert_eq!((&result["synthesis"], &result["synthesis_method"]), (&Value::Null, &json!("none")));
        assert_eq!(result["reviews"][0]["answer"], "Well said.");
        assert_eq!(result["total_fighters"], 1);
    }

    #[test]
    fn a_text_without_a_space_is_cut_as_well() {
        assert_eq!(shortened(&"ž".repeat(700)).chars().count(), EXCERPT + 4);
        assert_eq!(shortened(" short "), "short");
    }
}
