//! What tokens cost.

use super::estimate::Estimate;
use crate::config::Price;
use crate::llm::Usage;

/// Whole micro-dollars, rounded half up once: the sum is in nano-dollars until then.
pub(super) fn cost_microusd(price: Price, usage: Usage) -> u64 {
    let cached = usage.cached.min(usage.prompt);
    let nanos = [
        (usage.prompt - cached, price.input),
        (cached, price.cached_input),
        (usage.completion, price.output),
    ]
    .into_iter()
    .map(|(tokens, each)| u128::from(tokens) * u128::from(each))
    .fold(500, u128::saturating_add);
    u64::try_from(nanos / 1_000).unwrap_or(u64::MAX)
}

/// What a request may cost at most, rounded up to whole micro-dollars. None where nothing costs
/// anything.
pub(super) fn reservation_microusd(price: Price, estimate: Estimate) -> Option<u64> {
    let dearest = price.input.max(price.cached_input);
    if dearest == 0 && price.output == 0 {
        return None;
    }
    let nanos = [
        (estimate.prompt, dearest),
        (estimate.completion, price.output),
    ]
    .into_iter()
    .map(|(tokens, each)| u128::from(tokens) * u128::from(each))
    .fold(0, u128::saturating_add);
    // Even what is estimated at nothing may come to cost something.
    Some(
        u64::try_from(nanos.div_ceil(1_000))
            .unwrap_or(u64::MAX)
            .max(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Price = Price {
        input: 150,
        cached_input: 75,
        cache_write: 150,
        output: 600,
    };

    fn cost(prompt: u64, cached: u64, completion: u64) -> u64 {
        let usage = Usage {
            prompt,
            cached,
            completion,
            reasoning: 0,
        };
        cost_microusd(PRICE, usage)
    }

    #[test]
    fn cached_tokens_are_cheaper_and_not_counted_twice() {
        assert_eq!(cost(1_000, 0, 0), 150);
        assert_eq!(cost(1_000, 400, 0), 120);
        assert_eq!(cost(1_000, 400, 100), 180);
    }

    #[test]
    fn a_reservation_is_rounded_up_and_takes_the_dearer_price_of_a_prompt() {
        let reserved = |prompt, completion, cached_input| {
            let price = Price {
                cached_input,
                ..PRICE
            };
            reservation_microusd(price, Estimate { prompt, completion })
        };
        let free = Price {
            input: 0,
            cached_input: 0,
            cache_write: 0,
            output: 0,
        };
        let one = Estimate {
            prompt: 1,
            completion: 1,
        };

        assert_eq!(reserved(1, 0, 75), Some(1));
        assert_eq!(reserved(10, 100, 75), Some(62));
        assert_eq!(reserved(10, 100, 300), Some(63));
        assert_eq!(reserved(0, 0, 75), Some(1));
        assert_eq!(reserved(u64::MAX, u64::MAX, 900), Some(u64::MAX));
        assert_eq!(reservation_microusd(free, one), None);
    }

    #[test]
    fn half_a_micro_dollar_is_rounded_up_once() {
        assert_eq!(cost(3, 0, 0), 0);
        assert_eq!(cost(0, 0, 0), 0);
        assert_eq!(cost(4, 0, 0), 1);
        assert_eq!(cost(10, 0, 0), 2);
    }

    #[test]
    fn absurd_counts_do_not_overflow() {
        let dear = Price {
            input: u64::MAX,
            output: u64::MAX,
            ..PRICE
        };
        let all = Usage {
            prompt: u64::MAX,
            completion: u64::MAX,
            ..Usage::default()
        };

        assert_eq!(cost(10, 20, 0), 1);
        assert_eq!(cost_microusd(dear, all), u64::MAX);
    }
}
