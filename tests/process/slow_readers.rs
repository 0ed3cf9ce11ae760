//! Callers who ask for a stream and do not read it.

use std::time::Duration;

use tokio::time::sleep;

use crate::support::{Place, Upstream, eventually};

const READERS: usize = 50;
/// What one of them may cost the process, in KiB. The sockets' own buffers are the system's.
const EACH: usize = 128;
/// What may lie in all the buffers between the upstream and one of them, in bytes.
const ON_THE_WAY: usize = 16 << 20;

#[tokio::test]
async fn callers_who_do_not_read_cost_little_and_hold_the_upstream_back() {
    let place = Place::new();
    let upstream = Upstream::pouring().await;
    let first = place.serve(&upstream.settings()).await;
    let token = first.client().sign_up("ada@example.com").await.token();
    first.stop().await;
    // A new process: what hashing a password took would hide what the streams take.
    let server = place.serve(&upstream.settings()).await;
    let warm = server.asked_by_the_deaf(&token).await;
    sleep(Duration::from_millis(500)).await;
    let before = server.resident();

    let mut deaf = vec![warm];
    for _ in 0..READERS {
        deaf.push(server.asked_by_the_deaf(&token).await);
    }

    let streamed = eventually("a flow that stands still", async || {
        let streamed = upstream.streamed();
        sleep(Duration::from_secs(1)).await;
        (streamed == upstream.streamed()).then_some(streamed)
    })
    .await;
    let growth = server.resident().saturating_sub(before);
    println!(
        "{} KiB and {} bytes a reader",
        growth / READERS,
        streamed / deaf.len()
    );
    assert!(growth < READERS * EACH, "{growth} KiB");
    assert!(streamed < deaf.len() * ON_THE_WAY, "{streamed} bytes");
}
