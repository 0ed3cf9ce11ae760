//! What is easy to get wrong in OpenAI's dialect, detail by detail.

use serde_json::json;

use super::{
    DONE, PATH, ROLE, STOP, Scene, USAGE, WORD, ask_stream, ask_usage, last_words, stream,
};

/// Every manner in which servers write the same event.
fn spelled(frame: &str) -> Vec<String> {
    let mut spellings = Vec::new();
    let payload = frame.strip_prefix("data: ").unwrap().trim_end();
    for end in ["\n", "\r\n", "\r"] {
        for data in ["data:", "data: "] {
            spellings.push(format!("{data}{payload}{end}{end}"));
            spellings.push(format!("id: 7{end}{data}{payload}{end}: note{end}{end}"));
        }
    }
    spellings
}

#[tokio::test]
async fn an_event_means_the_same_however_it_is_written() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let spellings: Vec<Vec<String>> = [ROLE, WORD, STOP, USAGE, DONE]
        .iter()
        .map(|frame| spelled(frame))
        .collect();
    let ways = spellings[0].len();
    for way in 0..ways {
        let frames: Vec<&str> = spellings.iter().map(|all| all[way].as_str()).collect();
        scene.upstream.answers(stream(&frames));

        let reply = program.post(PATH, ask_stream()).await;

        let without_usage = [frames[0], frames[1], frames[2], frames[4]].concat();
        assert_eq!(reply.text(), without_usage);
    }
    for row in scene.app.ledger(ways).await {
        assert_eq!((row.status.as_str(), row.estimated), ("ok", 0));
        assert_eq!((row.prompt_tokens, row.completion_tokens), (1_000, 200));
    }
}

#[tokio::test]
async fn usage_over_several_lines_is_counted_and_taken_out() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let usage = USAGE.replace("\"usage\":", "\r\ndata: \"usage\":\r\ndata:");
    scene.upstream.answers(stream(&[WORD, STOP, &usage, DONE]));

    let reply = program.post(PATH, ask_stream()).await;

    assert_eq!(reply.text(), [WORD, STOP, DONE].concat());
    let row = scene.app.row().await;
    assert_eq!((row.prompt_tokens, row.reasoning_tokens), (1_000, 50));
}

#[tokio::test]
async fn whatever_begins_with_done_is_the_end() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let ends = [
        "data: [DONE] \n\n",
        "data:[DONE]\n\n",
        "data: [DONE]{\"x\":1}\n\n",
        "data: [DONE]\r\n\r\n",
        "data: [DONE]",
    ];
    for end in ends {
        scene.upstream.answers(stream(&[ROLE, WORD, end]));

        let reply = program.post(PATH, ask_stream()).await;

        assert_eq!(reply.text(), [ROLE, WORD, end].concat());
    }
    for row in scene.app.ledger(ends.len()).await {
        assert_eq!(row.status, "ok");
    }
}

#[tokio::test]
async fn null_usages_are_for_those_who_asked() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let with_null = |frame: &str| frame.replace("]}\n\n", "],\"usage\":null}\n\n");
    let frames = [ROLE, WORD, STOP].map(with_null);
    let whole = frames.concat() + USAGE + DONE;
    scene.upstream.answers(stream(&[&whole]));
    scene.upstream.answers(stream(&[&whole]));

    let asked = program.post(PATH, ask_usage()).await;
    let not_asked = program.post(PATH, ask_stream()).await;

    assert_eq!(asked.text(), whole);
    assert_eq!(not_asked.text(), [ROLE, WORD, STOP, DONE].concat());
}

#[tokio::test]
async fn azures_first_chunk_keeps_its_empty_names() {
    let alias = "[models.alias]\ntargets = [\"up/deployment\"]\n";
    let scene = Scene::with("", alias).await;
    let program = scene.program().await;
    let filter = "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\
        \"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{}}]}\n\n";
    let named = |frame: &str, model: &str| {
        frame.replace("\"choices\"", &format!("\"model\":\"{model}\",\"choices\""))
    };
    let frames = |model: &str| {
        let named = [ROLE, WORD, STOP].map(|frame| named(frame, model));
        [filter, &named.concat(), DONE].concat()
    };
    scene.upstream.answers(stream(&[&frames("deployment")]));
    let mut body = ask_stream();
    body["model"] = json!("alias");

    let reply = program.post(PATH, body).await;

    assert_eq!(reply.text(), frames("alias"));
}

#[tokio::test]
async fn padding_passes_and_makes_no_answer_of_a_usage_chunk() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let padded = |frame: &str| frame.replace("]}\n\n", "],\"obfuscation\":\"aB3x\"}\n\n");
    let frames = [ROLE, WORD, STOP].map(padded).concat();
    let usage = USAGE.replace("}}\n\n", "},\"obfuscation\":\"\"}\n\n");
    assert_ne!(usage, USAGE);
    scene.upstream.answers(stream(&[&frames, &usage, DONE]));
    scene.upstream.answers(stream(&[&frames, &usage, DONE]));

    let asked = program.post(PATH, ask_usage()).await;
    let not_asked = program.post(PATH, ask_stream()).await;

    assert_eq!(asked.text(), [&frames, &usage, DONE].concat());
    assert_eq!(not_asked.text(), frames + DONE);
}

#[tokio::test]
async fn tool_calls_of_several_choices_pass_interleaved_as_they_came() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let delta = |choice: u8, call: u8, rest: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":{choice},\"delta\":{{\"tool_calls\":[{{\
             \"index\":{call}{rest}}}]}},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let opened = |id: &str| {
        format!(
            ",\"id\":\"{id}\",\"type\":\"function\",\"function\":{{\"name\":\"f\",\"arguments\":\"\"}}"
        )
    };
    let more = |text: &str| format!(",\"function\":{{\"arguments\":{}}}", json!(text));
    let finish = |choice: u8| {
        format!(
            "data: {{\"choices\":[{{\"index\":{choice},\"delta\":{{}},\"finish_reason\":\"tool_calls\"}}]}}\n\n"
        )
    };
    let frames = [
        delta(0, 0, &opened("a")),
        delta(1, 0, &opened("b")),
        delta(0, 1, &opened("c")),
        delta(0, 0, &more("{\"city\":")),
        delta(0, 1, &more("")),
        delta(1, 0, &more("{}")),
        delta(0, 0, &more("\"Zürich\"}")),
        finish(1),
        finish(0),
    ];
    let whole = frames.concat();
    scene.upstream.answers(stream(&[&whole]));
    let mut body = ask_stream();
    body["n"] = json!(2);

    let reply = program.post(PATH, body).await;

    assert_eq!(reply.text(), whole + DONE);
    assert_eq!(scene.app.row().await.status, "ok");
}

#[tokio::test]
async fn a_done_behind_an_error_is_taken_out_in_every_dialect() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let complaints = [
        "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\",\"code\":null}}\n\n",
        "event: error\r\ndata: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\"}}\r\n\r\n",
        "event: error\ndata: {\"message\":\"gone\",\"type\":\"server_error\"}\n\n",
        "data: {\"object\":\"error\",\"message\":\"gone\",\"type\":\"server_error\"}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}],\
         \"error\":{\"message\":\"gone\",\"type\":\"server_error\"}}\n\n",
        "data: {\"error\":\"gone\"}\n\n",
    ];
    for complaint in complaints {
        scene.upstream.answers(stream(&[WORD, complaint, DONE]));

        let reply = program.post(PATH, ask_stream()).await;

        let behind = reply.text().strip_prefix(WORD).unwrap();
        assert_eq!(
            last_words(behind),
            json!({"message": "gone", "type": "server_error", "param": null, "code": "upstream_error"}),
            "{complaint}"
        );
    }
    for row in scene.app.ledger(complaints.len()).await {
        assert_eq!(row.status, "truncated");
    }
}

#[tokio::test]
async fn members_that_are_null_or_not_standard_pass() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let frames = [
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\
         \"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"service_tier\":null}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\",\"reasoning\":\"hm\"},\
         \"matched_stop\":null}],\"citations\":[],\"x_groq\":{\"id\":\"r\"}}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"no\"}}],\"system_fingerprint\":\"fp\"}\n\n",
        STOP,
        DONE,
    ];
    scene.upstream.answers(stream(&frames));

    let reply = program.post(PATH, ask_stream()).await;

    assert_eq!(reply.text(), frames.concat());
}
