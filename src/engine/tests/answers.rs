//! Answers that do not fit their schema: asked for once more, and told why.

use serde_json::json;

use super::gaps::Hearing;
use super::*;

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_is_asked_for_again_with_what_is_wrong() {
    let file = |path: &str| match path {
        "panel.toml" => {
            Some(b"title = \"T\"\n[[query]]\nid = \"q\"\nprompt = \"p.md\"\noutput = \"s.json\"\n".to_vec())
        }
        "p.md" => Some(b"{{ question }}".to_vec()),
        "s.json" => Some(b"{\"type\": \"object\", \"required\": [\"risks\"]}".to_vec()),
        _ => None,
    };
    let panel = Arc::new(Panel::parse("test".parse().unwrap(), &file).unwrap());
    let provider = Hearing::new(scripted(&[(
        "q",
        script().answer("{\"other\": \"SECRET\"}").then_answers("{\"risks\": []}"),
    )]));
    let events = begin(&panel, &provider.pool()).await.run().await;
    let [(_, code, _)] = events.retries()[..] else { panic!("{:?}", events.0) };
    assert_eq!(code, Code::InvalidOutput);
    assert_eq!(events.end("q").1.result, Some(json!({"risks": []})));
    let heard = provider.heard("q");
    assert!(heard.contains("The answer misses \"risks\"") && !heard.contains("SECRET"), "{heard}");
}
