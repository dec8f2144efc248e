//! The result for people, and as JSON.

use std::{fmt, time::Duration};

use super::{Options, load::Stats};
use crate::json::Quoted;

/// What was measured, and of what.
pub(super) struct Report<'a> {
    options: &'a Options,
    threads: u32,
    stats: &'a Stats,
    elapsed: Duration,
}

/// The shares of messages of which it is said what time they took at most, and their names.
const PERCENTILES: [(f64, &str); 5] = [
    (0.5, "p50"),
    (0.9, "p90"),
    (0.99, "p99"),
    (0.999, "p99.9"),
    (1.0, "max"),
];

/// How wide the longest bar of the histogram is.
const WIDTH: u64 = 40;

impl<'a> Report<'a> {
    pub(super) fn new(
        options: &'a Options,
        threads: u32,
        stats: &'a Stats,
        elapsed: Duration,
    ) -> Self {
        Self {
            options,
            threads,
            stats,
            elapsed,
        }
    }

    /// One line, an object: rates are those of one direction, latencies are in microseconds.
    pub(super) fn json(&self) -> String {
        let options = self.options;
        let latencies = PERCENTILES.map(|(share, name)| {
            let latency = self.percentile(share).as_secs_f64() * 1e6;
            format!("{}: {latency:.1}", Quoted(name))
        });
        format!(
            "{{\"url\": {}, \"connections\": {}, \"threads\": {}, \"size\": {}, \"pipeline\": {}, \
             \"text\": {}, \"deflate\": {}, \"seconds\": {:.3}, \"messages\": {}, \
             \"messages_per_second\": {:.1}, \"mib_per_second\": {:.3}, \"latency_us\": {{{}}}}}\n",
            Quoted(&options.url.to_string()),
            options.connections,
            self.threads,
            options.size,
            options.pipeline,
            options.text,
            self.stats.deflated == options.connections,
            self.elapsed.as_secs_f64(),
            self.messages(),
            per_second(self.messages(), self.elapsed),
            self.mib_per_second(),
            latencies.join(", "),
        )
    }

    fn messages(&self) -> u64 {
        self.stats.latencies.len()
    }

    fn percentile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.stats.latencies.value_at_quantile(share))
    }

    fn mib_per_second(&self) -> f64 {
        per_second(self.messages(), self.elapsed) * f64::from(self.options.size) / MIB
    }

    /// How many messages took how long: a line for each doubling of the time.
    fn histogram(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.stats.latencies.min().max(1);
        let steps: Vec<(u64, u64)> = self
            .stats
            .latencies
            .iter_log(1 << first.ilog2(), 2.0)
            .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
            .collect();
        let longest = steps.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let shown = steps.iter().skip_while(|(_, count)| *count == 0);
        for (up_to, count) in shown {
            let bar = (count * WIDTH).div_ceil(longest.max(1));
            let bar = "#".repeat(usize::try_from(bar).unwrap_or_default());
            let up_to = time(Duration::from_nanos(*up_to));
            let width = usize::try_from(WIDTH).unwrap_or_default();
            writeln!(
                f,
                "  up to {up_to:>9}  {bar:<width$}  {}",
                grouped_u64(*count)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.options;
        writeln!(
            f,
            "{}: {} and {}; {} of {} bytes, {} under way on each, {}",
            options.url,
            many(options.connections, "connection"),
            many(self.threads, "thread"),
            if options.text {
                "texts"
            } else {
                "binary messages"
            },
            options.size,
            options.pipeline,
            match self.stats.deflated {
                0 if options.deflate => "uncompressed, for the server did not agree",
                0 => "uncompressed",
                _ => "compressed",
            },
        )?;
        if self.messages() == 0 {
            return writeln!(f, "no message was sent");
        }
        writeln!(
            f,
            "\n  messages  {} in {:.2} s, all as they were sent\n  \
             rate      {} messages/s, {:.2} MiB/s each way\n  latency",
            grouped_u64(self.messages()),
            self.elapsed.as_secs_f64(),
            grouped(per_second(self.messages(), self.elapsed)),
            self.mib_per_second(),
        )?;
        for (share, name) in PERCENTILES {
            writeln!(f, "    {name:<6}{:>10}", time(self.percentile(share)))?;
        }
        writeln!(f)?;
        self.histogram(f)
    }
}

const MIB: f64 = 1_048_576.0;

/// How many there were each second.
#[expect(clippy::cast_precision_loss, reason = "it is shown with a few digits")]
pub(super) fn per_second(count: u64, elapsed: Duration) -> f64 {
    count as f64 / elapsed.as_secs_f64().max(1e-9)
}

/// A rate without its fraction, in groups of three digits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative, and a conversion of the greatest saturates"
)]
pub(super) fn grouped(rate: f64) -> String {
    grouped_u64(rate as u64)
}

/// A number in groups of three digits.
fn grouped_u64(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn many(number: u32, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

/// A time with a unit that suits it.
fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 1e-3 => format!("{:.2} ms", seconds * 1e3),
        seconds => format!("{:.1} µs", seconds * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (123_456, "123,456"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped_u64(number), shown);
        }
        assert_eq!(time(Duration::from_nanos(41_500)), "41.5 µs");
        assert_eq!(time(Duration::from_micros(1_500)), "1.50 ms");
        assert_eq!(time(Duration::from_millis(2_500)), "2.50 s");
        assert_eq!(many(1, "thread"), "1 thread");
        assert_eq!(many(2, "thread"), "2 threads");
    }
}
