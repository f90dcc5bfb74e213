//! Writes logs to look at: `cargo run -p aimon-generator --example write -- truth 7 DIR`.
#![allow(clippy::print_stdout)]

use aimon_generator::{Plan, generate};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let preset = args.next().unwrap_or_else(|| "truth".to_owned());
    let number: u32 = args.next().and_then(|n| n.parse().ok()).unwrap_or(7);
    let into = args.next().unwrap_or_else(|| "target/logs".to_owned());
    let plan = match preset.as_str() {
        "truth" => Plan::truth(number.into()),
        "clean" => Plan::clean(number.into()),
        "everyday" => Plan::everyday(number.into()),
        "bench" => Plan::bench(number),
        "demo" => Plan::demo(jiff::Timestamp::now().as_millisecond()),
        other => return Err(format!("no preset {other}: truth, clean, everyday, bench or demo").into()),
    };
    let made = generate(&plan, into.as_ref())?;
    println!("{} calls, {} files, {} bytes, {:?}", made.truth.calls.len(), made.files, made.bytes, made.truth.total());
    for ((day, source, model), tokens) in made.truth.cells(&jiff::tz::TimeZone::UTC).iter().take(5) {
        println!("{day} {source} {model} {tokens:?}");
    }
    Ok(())
}
