//! What `/metrics` tells, as a dashboard reads it.

use std::collections::BTreeMap;

use super::app::TestApp;

/// All numbers at one moment, by name and labels as they stand: `name{label="value"}`.
#[derive(Debug)]
pub(crate) struct Numbers(BTreeMap<String, f64>);

impl TestApp {
    pub(crate) async fn numbers(&self) -> Numbers {
        let reply = self.anonymous().get("/metrics").await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Numbers::read(reply.text())
    }
}

impl Numbers {
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines = lines.filter_map(|line| line.rsplit_once(' '));
        let number = |(name, value): (&str, &str)| (name.to_owned(), value.parse().unwrap());
        Self(lines.map(number).collect())
    }

    /// A number of things. 0 where there is none: nothing of the kind has happened.
    pub(crate) fn of(&self, series: &str) -> i64 {
        let found = self.0.get(&format!("concierge_{series}"));
        whole(found.copied().unwrap_or_default())
    }

    /// The same, added up over all labels.
    pub(crate) fn all(&self, name: &str) -> i64 {
        whole(self.sum(name))
    }

    /// What is not counted in whole things, added up over all labels unless they are given.
    pub(crate) fn sum(&self, series: &str) -> f64 {
        let begin = format!("concierge_{series}");
        let is_it = |name: &str| name == begin || name.split('{').next() == Some(&begin);
        let same = self.0.iter().filter(|(name, _)| is_it(name));
        same.map(|(_, number)| number).sum()
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "that it is whole is looked at"
)]
fn whole(number: f64) -> i64 {
    assert!(number.fract().abs() < f64::EPSILON, "{number}");
    number as i64
}
