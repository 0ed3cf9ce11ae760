//! What tokens cost.

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
