//! Every caller at every door.

use super::headers::is_careful;
use super::people::{Caller, People, send};
use super::table::{Row, rows, shut};
use crate::edge::{openai_refusal, refusal};
use crate::support::{Reply, TestApp};

const NOBODYS: &str = "0199d3f2-9d5e-7c41-8a51-0c7c0e1f3a55";
const CHALLENGE: &str = r#"Bearer realm="api""#;
const PROBLEM: &str = "application/problem+json";

#[tokio::test]
async fn every_door_lets_in_whom_it_should_and_nobody_else() {
    let app = TestApp::start().await;
    let people = People::gather(&app).await;

    for row in rows() {
        for caller in &people.callers {
            match row.door.refuses(&caller.rank) {
                Some(why) => is_refused(&people, caller, row, why).await,
                None => is_let_in(&people, caller, row).await,
            }
        }
    }
    people.nothing_has_changed().await;
}

async fn is_let_in<'a>(people: &People<'a>, caller: &Caller<'a>, row: &Row) {
    let spare;
    let caller = if row.ends_logins {
        spare = people.spare(caller).await;
        &spare
    } else {
        caller
    };
    let thing = people.own(caller, row).await;

    let reply = people.ask(&caller.actor, row, &thing).await;

    let place = format!("{} {} {}", caller.name, row.method, row.path);
    assert_eq!(reply.status, row.status, "{place}: {}", reply.text());
    is_careful(row, &reply, &place);
}

async fn is_refused<'a>(
    people: &People<'a>,
    caller: &Caller<'a>,
    row: &Row,
    (status, code): (u16, &str),
) {
    let thing = people.adas(row);

    let reply = people.ask(&caller.actor, row, thing).await;

    let place = format!("{} {} {}", caller.name, row.method, row.path);
    assert_eq!(reply.status, status, "{place}: {}", reply.text());
    is_careful(row, &reply, &place);
    says(row, &reply, status, code);
    assert_eq!(reply.header("www-authenticate"), challenge(code), "{place}");
    let asking = caller.actor.clone().header("accept", PROBLEM);
    let problem = people.ask(&asking, row, thing).await;
    says_in_a_problem(row, &problem, status, code);
}

/// RFC 6750 §3: an error is told only to whoever has sent a token.
fn challenge(code: &str) -> String {
    match code {
        "unauthorized" => CHALLENGE.to_owned(),
        "invalid_token" | "insufficient_scope" => format!(r#"{CHALLENGE}, error="{code}""#),
        _ => String::new(),
    }
}

/// A refusal in the manner of its branch.
pub(super) fn says(row: &Row, reply: &Reply, status: u16, code: &str) {
    if row.is_openai() {
        openai_refusal(reply, status, openai(code));
    } else {
        refusal(reply, status, code);
    }
}

/// OpenAI's clients get OpenAI's envelope, whatever they accept.
fn says_in_a_problem(row: &Row, reply: &Reply, status: u16, code: &str) {
    if row.is_openai() {
        openai_refusal(reply, status, openai(code));
        return;
    }
    assert_eq!(reply.header("content-type"), PROBLEM);
    let body = reply.json();
    assert_eq!(
        (&body["status"], &body["code"]),
        (&status.into(), &code.into())
    );
}

fn openai(code: &str) -> &str {
    match code {
        "unauthorized" | "invalid_token" => "invalid_api_key",
        code => code,
    }
}

// Whose it is not learns nothing, not even that it is there; administrators neither.
#[tokio::test]
async fn what_belongs_to_another_is_not_there() {
    let app = TestApp::start().await;
    let people = People::gather(&app).await;
    let mut doors = 0;

    for row in shut().filter(|row| row.is_owned()) {
        doors += 1;
        for name in ["eve by token", "root by token", "root by cookie"] {
            let stranger = &people
                .named(name)
                .actor
                .clone()
                .header("x-request-id", "same");
            let hers = people.ask(stranger, row, people.adas(row)).await;
            let nobodys = people.ask(stranger, row, NOBODYS).await;

            refusal(&hers, 404, "not_found");
            assert_eq!(hers.text(), nobodys.text(), "{} {}", row.method, row.path);
            is_careful(row, &hers, row.path);
        }
    }
    assert!(doors >= 4, "{doors}");
    people.nothing_has_changed().await;
}

#[tokio::test]
async fn what_may_not_be_got_may_not_be_asked_for_by_head() {
    let app = TestApp::start().await;
    let people = People::gather(&app).await;

    for row in shut().filter(|row| row.method == "GET") {
        let head = Row {
            method: "HEAD",
            ..*row
        };
        for caller in &people.callers {
            let Some((status, _)) = row.door.refuses(&caller.rank) else {
                continue;
            };
            let reply = send(&caller.actor, &head, &row.at(people.adas(row)), "").await;
            assert_eq!(
                (reply.status, reply.body.len()),
                (status, 0),
                "{}",
                row.path
            );
        }
    }
}
