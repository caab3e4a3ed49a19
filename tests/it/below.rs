//! A server that is found below a path, behind a proxy that takes it off and behind one that does not.

use serde_json::Value;
use serde_json::json;

use crate::harness::Answer;
use crate::harness::Fake;
use crate::harness::Panel;
use crate::harness::Server;
use crate::harness::Setup;

fn below() -> (Fake, Server) {
    let fake = Fake::always(Answer::text("yes"));
    let server = Setup::asking(&fake).panel(Panel::of("one", 1)).server("base_path = \"/audit/\"").start();
    (fake, server)
}

#[test]
fn everything_is_answered_below_the_path_and_without_it() {
    let (_fake, server) = below();
    for path in ["", "/audit"] {
        for address in ["/health", "/readyz", "/openapi.json", "/api/v1/runs", "/api/v1/panels"] {
            assert_eq!(server.get(&format!("{path}{address}")).status(), 200, "{path}{address}");
        }
        server.get(&format!("{path}/api/nothing")).problem(404, "not_found");
        assert_eq!(server.request("DELETE", &format!("{path}/health")).send().status(), 405);
    }
    for other in ["/auditor/health", "/audit/audit/health", "/audit//health"] {
        server.get(other).problem(404, "not_found");
    }
    let bare = server.get("/audit?x=1");
    assert_eq!((bare.status(), bare.header("location")), (308, Some("/audit/?x=1")));
}

#[test]
fn addresses_in_answers_begin_with_the_path() {
    let (_fake, server) = below();
    assert_eq!(server.get("/audit/openapi.json").json()["servers"], json!([{"url": "/audit/"}]));
    for path in ["", "/audit"] {
        let body = json!({"panel": "one", "question": "Is it safe?"});
        let made = server.request("POST", &format!("{path}/api/v1/runs")).json(&body).send();
        let run = made.json()["run_id"].as_str().unwrap().to_owned();
        let this = format!("/audit/api/v1/runs/{run}");
        assert_eq!(made.header("location"), Some(this.as_str()));
        let links = format!("<{this}/events>; rel=\"events\", <{this}/cancel>; rel=\"cancel\"");
        assert_eq!(made.header("link"), Some(links.as_str()));
        assert_links(&made.json()["links"], &run);

        let events = server.request("GET", &format!("{this}/events")).open().events();
        assert_links(&events[0].data["links"], &run);
        let last = events.last().unwrap();
        assert_eq!(last.data["result_ref"], format!("{this}/result"));
        assert_eq!(server.get(&format!("{this}/result")).json(), last.data, "what it refers to is there");
        let page =
            server.request("GET", &format!("{this}/events")).header("accept", "application/json").send();
        let pages: Vec<Value> = events.iter().map(|event| event.data.clone()).collect();
        assert_eq!(page.json()["events"], json!(pages), "every form has the same addresses");
        assert_eq!(server.get(&this).json()["result"], last.data);
    }
}

fn assert_links(links: &Value, run: &str) {
    let this = format!("/audit/api/v1/runs/{run}");
    let expected = json!({
        "self": this, "events": format!("{this}/events"), "result": format!("{this}/result"),
        "cancel": format!("{this}/cancel"), "page": format!("/audit/runs/{run}"),
    });
    assert_eq!(links, &expected);
}

#[test]
fn a_path_that_is_none_is_refused_with_its_place() {
    let ran = Setup::default().run(&["serve", "--base-path", "audit"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("such as /audit/"), "{}", ran.stderr);
}
