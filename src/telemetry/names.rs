//! The manual of what is measured: each metric's name, labels and meaning.

/// Something that is measured. The values of its labels come from the configuration or the code, and
/// never from a caller: whoever reads the numbers keeps a series for each combination.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// Seconds of an answer of ours.
const ANSWERS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];
/// Seconds of a model's answer.
const MODELS: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0,
];
/// Seconds that should not be there.
const OVERHEADS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
    5.0,
];

macro_rules! metrics {
    ($($id:ident = $name:literal $kind:expr, [$($label:literal),*]: $help:literal;)*) => {
        $(pub const $id: Metric = Metric {
            name: concat!("concierge_", $name),
            kind: $kind,
            labels: &[$($label),*],
            help: $help,
        };)*

        /// Every metric, in the order in which they are read best.
        pub const ALL: &[Metric] = &[$($id),*];
    };
}

metrics! {
    HTTP_REQUESTS = "http_requests_total" Kind::Counter, ["method", "route", "status"]:
        "Requests that were answered, by the class of the status; cancelled where the caller left before.";
    HTTP_DURATION = "http_request_duration_seconds" Kind::Histogram(ANSWERS), ["method", "route"]:
        "From a request's head to its answer's head.";
    HTTP_IN_FLIGHT = "http_requests_in_flight" Kind::Gauge, []:
        "Requests whose answer has not begun.";
    HTTP_ERRORS = "http_errors_total" Kind::Counter, ["code"]:
        "Errors of ours that were answered, by their code.";
    RELAY_REQUESTS = "relay_requests_total" Kind::Counter, ["provider", "model", "outcome"]:
        "Relayed requests that have ended, one for each row of the ledger: ok, error, cancelled or truncated.";
    RELAY_IN_FLIGHT = "relay_requests_in_flight" Kind::Gauge, []:
        "Relayed requests that run, streams until their last frame.";
    RELAY_ATTEMPTS = "relay_attempts_total" Kind::Counter, ["provider", "model", "result"]:
        "Attempts at an upstream: ok, or a word for why it did not answer.";
    RELAY_TOKENS = "relay_tokens_total" Kind::Counter, ["provider", "model", "kind"]:
        "Tokens: prompt, cached (of the prompt), completion, reasoning (of the completion).";
    RELAY_COST = "relay_cost_microusd_total" Kind::Counter, ["provider", "model"]:
        "What was charged, in millionths of a dollar.";
    RELAY_DURATION = "relay_request_duration_seconds" Kind::Histogram(MODELS), ["provider", "model"]:
        "From a relayed request's arrival to its end, a stream's last frame.";
    RELAY_FIRST_TOKEN = "relay_time_to_first_token_seconds" Kind::Histogram(MODELS), ["provider", "model"]:
        "Streams: from the request's arrival to the first content.";
    RELAY_UPSTREAM = "relay_upstream_duration_seconds" Kind::Histogram(MODELS), ["provider", "model"]:
        "What a request waited inside its attempts: for the whole answer, or a stream's first content.";
    RELAY_OVERHEAD = "relay_overhead_seconds" Kind::Histogram(OVERHEADS), ["kind"]:
        "What a request took beside its attempts, until its answer or its stream's first content; plain or stream.";
    RELAY_BREAKER = "relay_breaker_state" Kind::Gauge, ["provider", "model"]:
        "How a configured target stands: 0 it is asked, 1 one request finds out whether it is back, 2 it is left alone.";
    LEDGER_UNWRITTEN = "ledger_rows_unwritten" Kind::Gauge, []:
        "Relayed requests without a row in the ledger: those that run, and those that wait for the database.";
    LEASES = "leases" Kind::Gauge, []:
        "Budgets of which this process has leased a part.";
    LEASED = "leased_microusd" Kind::Gauge, ["state"]:
        "What is leased of budgets: free, reserved by requests that run, or spent and not written yet.";
    MESSAGES = "messages_total" Kind::Counter, ["channel", "outcome"]:
        "Attempts to send a message, by mail or sms: sent, retried (it is tried again) or given_up.";
    CONNECTIONS = "connections_open" Kind::Gauge, []:
        "Connections of clients.";
    BODY_ROOM = "body_room_bytes" Kind::Gauge, []:
        "Room that is left for request bodies.";
    DATABASE_CONNECTIONS = "database_connections" Kind::Gauge, ["database", "state"]:
        "Connections of each pool: used or idle.";
    MEMORY = "process_resident_memory_bytes" Kind::Gauge, []:
        "Resident memory; 0 where the system does not tell.";
    UPTIME = "uptime_seconds" Kind::Gauge, []:
        "Since the process started.";
    BUILD = "build_info" Kind::Gauge, ["version", "environment"]:
        "Always 1; what runs, and where.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_what_they_count() {
        for metric in ALL {
            let is_counter = matches!(metric.kind, Kind::Counter);
            assert_eq!(
                metric.name.ends_with("_total"),
                is_counter,
                "{}",
                metric.name
            );
            if let Kind::Histogram(buckets) = metric.kind {
                assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
                assert!(buckets.is_sorted(), "{}", metric.name);
            }
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }
}
