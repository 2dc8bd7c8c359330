//! A row of bars, one character each.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Bars for values of zero or more, the tallest for the largest; a value of zero is a gap.
pub(super) fn sparkline(values: &[Decimal]) -> String {
    let largest = values.iter().copied().max().unwrap_or_default();
    values
        .iter()
        .map(|value| {
            if *value <= Decimal::ZERO {
                return ' ';
            }
            // Rounded up: the smallest value above zero still shows.
            let eighths = (*value * Decimal::from(BARS.len()) / largest).ceil();
            let height = eighths.to_usize().unwrap_or(BARS.len()).clamp(1, BARS.len());
            BARS[height - 1]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[i64]) -> String {
        sparkline(&values.iter().copied().map(Decimal::from).collect::<Vec<_>>())
    }

    #[test]
    fn bars_grow_with_their_values() {
        assert_eq!(line(&[1, 2, 3, 4, 5, 6, 7, 8]), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[0, 1, 1_000]), " ▁█");
    }

    #[test]
    fn nothing_and_only_zeros_draw_no_bar() {
        assert_eq!(line(&[]), "");
        assert_eq!(line(&[0, 0]), "  ");
    }
}
