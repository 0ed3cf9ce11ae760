//! Which of a model's targets is asked first.

use std::cmp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::target::Target;
use crate::config;

/// How the targets of a name are put in order for a request.
#[derive(Clone, Debug)]
pub(super) enum Strategy {
    /// As they are configured.
    Ordered,
    /// By lot, anew for each request. Who has no weight comes last.
    Weighted(Arc<[u32]>),
    /// The quickest first, and before it who was never measured.
    LeastLatency(Arc<Outlook>),
}

/// Who was slow once would never be asked again: now and then a request begins with another target.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    requests: AtomicUsize,
}

/// One request in so many looks whether somebody else has become quicker.
const LOOK: usize = 50;

impl Strategy {
    pub(super) fn of(model: &config::Model) -> Self {
        match model.strategy {
            config::Strategy::Ordered => Self::Ordered,
            config::Strategy::Weighted => Self::Weighted(model.weights.as_slice().into()),
            config::Strategy::LeastLatency => Self::LeastLatency(Arc::default()),
        }
    }

    pub(super) fn order(&self, targets: &[Arc<Target>], is_stream: bool) -> Vec<Arc<Target>> {
        let target = |place: usize| targets[place].clone();
        let sorted = |keys: Vec<f64>| ascending(&keys).into_iter().map(target).collect();
        match self {
            Self::Ordered => targets.to_vec(),
            Self::Weighted(weights) => sorted(lots(weights, rand::random)),
            Self::LeastLatency(outlook) => {
                let latency = |target: &Arc<Target>| target.latency(is_stream).unwrap_or(0.0);
                let mut targets: Vec<_> = sorted(targets.iter().map(latency).collect());
                if let Some(place) = outlook.looks_at(targets.len()) {
                    targets[..=place].rotate_right(1);
                }
                targets
            }
        }
    }
}

impl Outlook {
    /// Which of the targets, the quickest first, is asked first in its place.
    fn looks_at(&self, targets: usize) -> Option<usize> {
        let request = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let others = targets.saturating_sub(1);
        (others > 0 && request.is_multiple_of(LOOK)).then(|| 1 + (request / LOOK - 1) % others)
    }
}

/// A time of arrival for each, drawn so that the first to come is any of them as its weight says, and
/// likewise the first of those that are left.
fn lots(weights: &[u32], mut draw: impl FnMut() -> f64) -> Vec<f64> {
    weights
        .iter()
        .map(|weight| match weight {
            0 => f64::INFINITY,
            weight => -(1.0 - draw()).ln() / f64::from(*weight),
        })
        .collect()
}

/// The places of the keys, the lowest first; equal ones stay in their order.
fn ascending(keys: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..keys.len()).collect();
    places.sort_by(|one, other| {
        keys[*one]
            .partial_cmp(&keys[*other])
            .unwrap_or(cmp::Ordering::Equal)
    });
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_first_as_often_as_its_weight_says() {
        let mut first = [0; 4];
        for _ in 0..40_000 {
            first[ascending(&lots(&[6, 3, 1, 0], rand::random))[0]] += 1;
        }

        for (count, share) in first.into_iter().zip([24_000, 12_000, 4_000, 0]) {
            let off = i32::abs(count - share);
            assert!(off < 1_000, "{first:?}");
        }
        assert_eq!(first[3], 0);
    }

    #[test]
    fn who_has_no_weight_is_a_last_resort() {
        for _ in 0..100 {
            let order = ascending(&lots(&[0, 1, 0, 1_000_000], rand::random));

            assert_eq!(order[2..], [0, 2]);
        }
    }

    #[test]
    fn one_request_in_fifty_looks_at_each_of_the_others_in_turn() {
        let outlook = Outlook::default();
        let looked: Vec<_> = (1..=200)
            .filter_map(|request| Some((request, outlook.looks_at(3)?)))
            .collect();

        assert_eq!(looked, [(50, 1), (100, 2), (150, 1), (200, 2)]);
        let alone = Outlook::default();
        assert!((0..200).all(|_| alone.looks_at(1).is_none()));
    }

    #[test]
    fn equals_stay_in_their_order() {
        assert_eq!(ascending(&[2.0, 0.0, 1.0, 0.0]), [1, 3, 2, 0]);
    }
}
