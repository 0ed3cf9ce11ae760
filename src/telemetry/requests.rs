//! What is counted of every request, whatever it asks for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use tokio::time::Instant;

use super::metrics::{Counter, Gauge, Histogram, Metrics};
use super::names;

/// A caller may send any other word.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other",
];
const CLASSES: [&str; 6] = ["cancelled", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Counts requests by their route. There are as many as the router has patterns.
#[derive(Debug)]
pub struct Requests {
    metrics: Metrics,
    routes: ArcSwap<HashMap<String, Arc<Route>>>,
    in_flight: Gauge,
}

#[derive(Debug, Default)]
struct Route {
    by_method: [OnceLock<Series>; METHODS.len()],
}

#[derive(Debug)]
struct Series {
    duration: Histogram,
    by_class: [OnceLock<Counter>; CLASSES.len()],
}

/// A request that is being answered. Dropped before its end, its caller has left.
#[derive(Debug)]
pub struct Running<'a> {
    requests: &'a Requests,
    route: Arc<Route>,
    pattern: &'a str,
    method: usize,
    began: Instant,
    class: usize,
}

impl Requests {
    pub fn new(metrics: Metrics) -> Self {
        Self {
            routes: ArcSwap::default(),
            in_flight: metrics.gauge(&names::HTTP_IN_FLIGHT, &[]),
            metrics,
        }
    }

    /// `pattern` is the route's, and never a path.
    pub fn begin<'a>(&'a self, method: &Method, pattern: &'a str) -> Running<'a> {
        self.in_flight.increment(1.0);
        let named = METHODS.iter().position(|name| *name == method.as_str());
        Running {
            requests: self,
            route: self.route(pattern),
            pattern,
            method: named.unwrap_or(METHODS.len() - 1),
            began: Instant::now(),
            class: 0,
        }
    }

    /// An error of ours was answered.
    pub fn refused(&self, code: &'static str) {
        let errors = self.metrics.counter(&names::HTTP_ERRORS, &[code]);
        errors.increment(1);
    }

    fn route(&self, pattern: &str) -> Arc<Route> {
        if let Some(known) = self.routes.load().get(pattern) {
            return known.clone();
        }
        let new = Arc::<Route>::default();
        self.routes.rcu(|routes| {
            let mut routes = HashMap::clone(routes);
            let kept = routes.entry(pattern.to_owned());
            kept.or_insert_with(|| new.clone());
            routes
        });
        // Another may have been faster.
        let routes = self.routes.load();
        routes.get(pattern).cloned().unwrap_or(new)
    }

    fn series(&self, method: &str, pattern: &str) -> Series {
        let labels = [method, pattern];
        Series {
            duration: self.metrics.histogram(&names::HTTP_DURATION, &labels),
            by_class: Default::default(),
        }
    }
}

impl Running<'_> {
    pub fn end(mut self, status: StatusCode) {
        self.class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len() - 1);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let (requests, pattern) = (self.requests, self.pattern);
        let (method, class) = (METHODS[self.method], CLASSES[self.class]);
        let series =
            self.route.by_method[self.method].get_or_init(|| requests.series(method, pattern));
        let answered = series.by_class[self.class].get_or_init(|| {
            let labels = [method, pattern, class];
            requests.metrics.counter(&names::HTTP_REQUESTS, &labels)
        });
        answered.increment(1);
        series.duration.record(self.began.elapsed());
        requests.in_flight.decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_nobody_knows_is_no_label() {
        let metrics = Metrics::new().unwrap();
        let requests = Requests::new(metrics.clone());
        let method = Method::from_bytes(b"FROBNICATE").unwrap();

        let running = requests.begin(&method, "/x");
        running.end(StatusCode::METHOD_NOT_ALLOWED);

        let told = metrics.render();
        let line = "concierge_http_requests_total{method=\"other\",route=\"/x\",status=\"4xx\"} 1";
        assert!(told.contains(line), "{told}");
        assert!(!told.contains("FROBNICATE"), "{told}");
    }

    #[test]
    fn who_leaves_before_the_answer_is_counted() {
        let metrics = Metrics::new().unwrap();
        let requests = Requests::new(metrics.clone());

        let running = requests.begin(&Method::GET, "/x");
        assert!(
            metrics
                .render()
                .contains("concierge_http_requests_in_flight 1")
        );
        drop(running);

        let told = metrics.render();
        assert!(told.contains("status=\"cancelled\"} 1"), "{told}");
        assert!(
            told.contains("concierge_http_requests_in_flight 0"),
            "{told}"
        );
    }
}
