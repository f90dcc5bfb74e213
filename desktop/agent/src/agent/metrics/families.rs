//! What is shown under which name. Tokens have the names and labels of OpenTelemetry's conventions for generative AI (those of the
//! repository `semantic-conventions-genai`, on semantic conventions 1.44), as Prometheus spells them; what these know nothing of is
//! `aimon_…`.

use std::collections::BTreeMap;

use aimon_core::time::UtcMillis;
use aimon_core::units::{PicoUsd, Tokens};

use super::Metrics;
use super::usage::{Series, convention, provider};
use crate::render::exposition::{Exposition, Kind, Labels};
use crate::windows::Window;

use Kind::{Counter, Gauge};

/// Writes all families.
pub fn write(m: &Metrics, out: &mut Exposition) {
    used(m, out);
    today(m, out);
    windows(m, out);
    surroundings(m, out);
}

const TODAY: &str = "today in the agent's time zone; begins anew at midnight";

fn used(m: &Metrics, out: &mut Exposition) {
    type Kinds = [(&'static str, &'static str, fn(&Tokens) -> u64); 5];
    let kinds: Kinds = [
        ("input_tokens", "Input tokens used, including cached tokens", Tokens::prompt),
        ("output_tokens", "Output tokens used, including reasoning tokens", |t| t.output),
        ("cache_read_input_tokens", "Input tokens read from a cache", |t| t.cache_read),
        ("cache_write_input_tokens", "Input tokens written to a cache", Tokens::cache_write),
        ("reasoning_output_tokens", "Output tokens that were reasoning", |t| t.reasoning),
    ];
    for (name, help, of) in kinds {
        let name = format!("gen_ai_client_inference_usage_{name}_total");
        let samples = m.usage.used.iter().map(|(series, used)| (labels(series), of(&used.tokens)));
        out.family(&name, Counter, &format!("{help}, {TODAY}"), samples);
    }
    let samples = m.usage.used.iter().map(|(series, used)| (labels(series), used.calls));
    out.family("aimon_calls_total", Counter, &format!("Model calls, {TODAY}"), samples);
    let costs = m.usage.used.iter().filter_map(|(series, used)| Some((labels(series), used.cost?.to_dollars())));
    let help = format!("What the calls whose price is known cost by list prices, in US dollars, {TODAY}");
    out.family("aimon_cost_usd_total", Counter, &help, costs);
    let billed = |is_usd: bool| {
        let billed = m.usage.billed.iter().filter(move |((_, currency), _)| (currency == "usd") == is_usd);
        billed.map(move |((account, currency), amount)| {
            let labels = account_labels(account);
            let labels = if is_usd { labels } else { labels.with("currency", &currency.to_uppercase()) };
            (labels, PicoUsd(*amount).to_dollars())
        })
    };
    // A credit is less than nothing, and a bill is corrected: no counter does that.
    let help = format!("What providers billed, in US dollars, {TODAY} (most bill by UTC day)");
    out.family("aimon_billed_usd", Gauge, &help, billed(true));
    let help = format!("What providers billed in other currencies, {TODAY}");
    out.family("aimon_billed_other", Gauge, &help, billed(false));
}

fn labels(series: &Series) -> Labels {
    Labels::none()
        .with("gen_ai_provider_name", convention(&series.provider))
        .with("gen_ai_request_model", &series.model)
        .with("gen_ai_token_modality", "unknown")
        .with("aimon_source", &series.source)
        .with("aimon_device", &series.device)
}

fn account_labels(account: &str) -> Labels {
    let provider = provider(account);
    Labels::none().with("gen_ai_provider_name", convention(&provider)).with("aimon_account", account)
}

/// The figures of `aimon status`, as they are: what was corrected downwards is here, too.
fn today(m: &Metrics, out: &mut Exposition) {
    let f = &m.status.today;
    let one = |value: String| [(Labels::none(), value)];
    out.family(
        "aimon_today_tokens",
        Gauge,
        "Tokens of today, as `aimon status` has them",
        one(f.tokens().total().to_string()),
    );
    out.family("aimon_today_calls", Gauge, "Model calls of today", one(f.sums.calls.to_string()));
    let cost = f.known_cost().map(|cost| (Labels::none(), cost.to_dollars()));
    out.family("aimon_today_cost_usd", Gauge, "What today cost by list prices, in US dollars", cost);
    let billed = f.billed_usd().map(|billed| (Labels::none(), billed.to_dollars()));
    out.family("aimon_today_billed_usd", Gauge, "What providers billed for today, in US dollars", billed);
    let unpriced = one(f.unpriced_calls.to_string());
    out.family(
        "aimon_today_unpriced_calls",
        Gauge,
        "Calls of today whose price is not known: they are in no cost",
        unpriced,
    );
}

fn windows(m: &Metrics, out: &mut Exposition) {
    let now = m.status.now;
    let labels = |w: &Window| Labels::none().with("aimon_account", &w.account).with("window", &w.name);
    let all = || m.status.windows.iter();
    let used = all().filter(|w| !w.is_anew(now)).map(|w| (labels(w), ratio(w.used_ppm)));
    let help =
        "How much of a quota window is used, 1 being all of it; not there if it has begun anew since it was seen";
    out.family("aimon_window_used_ratio", Gauge, help, used);
    let resets = all().filter_map(|w| Some((labels(w), w.resets_at?)));
    out.family("aimon_window_reset_timestamp_seconds", Gauge, "When a quota window begins anew", resets);
    let seen = all().map(|w| (labels(w), seconds(w.seen)));
    out.family("aimon_window_seen_timestamp_seconds", Gauge, "When a quota window was last seen", seen);
}

fn surroundings(m: &Metrics, out: &mut Exposition) {
    if let Some((at, roots)) = &m.scanned {
        let mut files: BTreeMap<&str, u64> = BTreeMap::new();
        for root in roots.iter().filter(|root| root.exists) {
            *files.entry(&root.source).or_default() += root.files;
        }
        let labels = |source: &&str| Labels::none().with("aimon_source", source);
        let scans = files.keys().map(|source| (labels(source), seconds(*at)));
        out.family(
            "aimon_source_last_scan_timestamp_seconds",
            Gauge,
            "When a source's logs were last looked through",
            scans,
        );
        let files = files.iter().map(|(source, files)| (labels(source), *files));
        out.family("aimon_source_files", Gauge, "Log files of a source on this device", files);
    }
    let waiting = m.status.waiting.iter();
    let queue = waiting.clone().map(|waiting| (Labels::none(), waiting.chunks));
    out.family("aimon_relay_queue_chunks", Gauge, "Chunks that no relay has taken yet", queue);
    let oldest = waiting.filter_map(|waiting| Some((Labels::none(), seconds(waiting.since?))));
    out.family("aimon_relay_queue_oldest_timestamp_seconds", Gauge, "Since when the oldest of them waits", oldest);
    let heard = m.status.accounts.iter().filter_map(|one| Some((account_labels(&one.account), seconds(one.heard()?))));
    let help = "When any device last had a good answer about an account";
    out.family("aimon_account_last_answer_timestamp_seconds", Gauge, help, heard);
    let troubles = m.troubles.iter();
    let troubles =
        troubles.map(|(account, metric, code)| (account_labels(account).with("metric", metric).with("code", code), 1));
    out.family(
        "aimon_account_trouble",
        Gauge,
        "1 for each question about an account that fails here, by its error code",
        troubles,
    );
    let quarantined = [(Labels::none(), m.status.quarantined)];
    out.family("aimon_quarantined_parts", Gauge, "Parts of the history that can't be read", quarantined);
    let build = Labels::none().with("version", env!("CARGO_PKG_VERSION"));
    let build = if m.labels.demo { build.with("demo", "true") } else { build };
    out.family(
        "aimon_build_info",
        Gauge,
        "1; what runs, and demo=\"true\" where all figures are made up",
        [(build, 1)],
    );
}

/// Millionths as an exact decimal.
fn ratio(ppm: u64) -> String {
    PicoUsd(i128::from(ppm) * 1_000_000).to_dollars()
}

/// A time in seconds since 1970.
fn seconds(at: UtcMillis) -> String {
    let (whole, part) = (at.0.div_euclid(1000), at.0.rem_euclid(1000));
    format!("{whole}.{part:03}")
}

#[cfg(test)]
mod tests {
    use aimon_core::time::UtcDay;
    use jiff::civil::Date;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::accounts::shown::AccountStateJson;
    use crate::agent::metrics::usage::Usage;
    use crate::dates::Today;
    use crate::status::Status;
    use crate::workspace::waiting::Waiting;

    #[test]
    fn accounts_and_the_queue_are_told_with_all_digits() {
        let at = UtcMillis(1_700_000_000_001);
        let today = Today { local: Date::default(), utc: UtcDay(0) };
        let mut status = Status::nothing(&TimeZone::UTC, today, at);
        status.accounts = [("openai/org-1", Some(at)), ("anthropic/a", None)]
            .map(|(account, heard)| AccountStateJson::of(account.to_owned(), heard))
            .into();
        status.waiting = Some(Waiting { chunks: 3, since: Some(at), reason: None });
        let billed = |currency: &str| ("openai/org-1".to_owned(), currency.to_owned());
        let billed = [(billed("usd"), 123_456_789_000_000_000_001), (billed("eur"), -500_000_000_000)];
        let account = || "openai/org-1".to_owned();
        let metrics = Metrics {
            usage: Usage { billed: billed.into(), ..Usage::default() },
            status,
            labels: crate::render::labels::Labels { demo: true, ..Default::default() },
            scanned: None,
            troubles: vec![(account(), "costs".to_owned(), "provider-busy".to_owned())],
        };
        let mut out = Exposition::default();
        write(&metrics, &mut out);
        let text = out.text();
        let of = "{gen_ai_provider_name=\"openai\",aimon_account=\"openai/org-1\"";
        for line in [
            format!("aimon_billed_usd{of}}} 123456789.000000000001\n"),
            format!("aimon_billed_other{of},currency=\"EUR\"}} -0.5\n"),
            format!("aimon_account_last_answer_timestamp_seconds{of}}} 1700000000.001\n"),
            format!("aimon_account_trouble{of},metric=\"costs\",code=\"provider-busy\"}} 1\n"),
            "\naimon_relay_queue_chunks 3\n".to_owned(),
            "\naimon_relay_queue_oldest_timestamp_seconds 1700000000.001\n".to_owned(),
            ",demo=\"true\"} 1\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line} in {text}");
        }
        assert!(!text.contains("anthropic/a"), "of whom nobody has heard nothing is told");
    }
}
