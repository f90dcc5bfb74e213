//! One metric of one account: when it is due, and what its answers come to.

use std::ops::RangeInclusive;
use std::sync::Arc;

use aimon_core::accounts::AccountId;
use aimon_core::event::Event;
use aimon_core::history::answers::Standing;
use aimon_core::history::{DayReadings, Heard};
use aimon_core::polling::{Ask, Metric, Track, Window};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_sources::provider::http::Asked;
use aimon_sources::provider::{Failure, Provider, poll};
use reqwest::{Client, Url};
use secrecy::SecretString;
use tokio::task::AbortHandle;

use super::state::State;

/// How an account is asked.
#[derive(Clone)]
pub struct Endpoint {
    /// The account.
    pub account: AccountId,
    /// Under which account the history has what is said of it: itself, unless it is one with a smaller one.
    pub payer: AccountId,
    /// This device's own number for it.
    pub share: u16,
    /// Its provider.
    pub provider: &'static dyn Provider,
    /// Where.
    pub base: Url,
    /// With which key.
    pub key: SecretString,
    /// By which client.
    pub client: Client,
}

/// A metric of an account.
pub struct Unit {
    /// How it is asked.
    pub endpoint: Arc<Endpoint>,
    track: Track,
    window: Window,
    /// Whether others may have recorded something that the window does not know.
    is_behind: bool,
    /// The question that is on its way, and how to take it back.
    under_way: Option<(Ask, AbortHandle)>,
}

impl Unit {
    /// Nothing is known yet.
    pub fn new(endpoint: Arc<Endpoint>, metric: Metric) -> Self {
        Self { endpoint, track: Track::new(metric), window: Window::default(), is_behind: true, under_way: None }
    }

    /// What it asks for.
    pub fn metric(&self) -> &Metric {
        self.track.metric()
    }

    /// What is known.
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// What the history says of days, in the place of what was known of them.
    pub fn hear(&mut self, days: RangeInclusive<UtcDay>, readings: &[DayReadings], gauges: &[Standing]) {
        let before = self.track.newest();
        let (account, metric) = (self.endpoint.account.name(), self.metric().name);
        let payer = self.endpoint.payer.name();
        let heard: Vec<&Heard> = readings
            .iter()
            .filter(|day| days.contains(&day.day))
            .flat_map(|day| &day.heard)
            .filter(|heard| heard.account == *payer && heard.metric.as_str() == metric)
            .collect();
        let is_mine = |one: &&Standing| one.answer.key.account == *account && one.answer.key.metric.as_str() == metric;
        let seen: Vec<UtcMillis> = gauges.iter().filter(is_mine).map(|one| one.seen.1).collect();
        self.track.hear(days, heard);
        seen.into_iter().for_each(|seen| self.track.hear_gauge(seen));
        self.is_behind |= self.track.newest() > before;
    }

    /// Whether the window has to be told what the history holds before an answer is looked at.
    pub fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Where begins what is on its way, and what will be asked for next about the present. Of a gauge, the newest is wanted, whenever that was.
    pub fn reaches_back_to(&self, now: UtcMillis, first: UtcDay) -> UtcMillis {
        let live = self.track.live(now, first);
        if live.width == 0 {
            return UtcMillis(i64::MIN);
        }
        self.under_way.as_ref().map_or(live.from, |(ask, _)| ask.from.min(live.from))
    }

    /// What the history holds of that.
    pub fn catch_up(&mut self, standing: &[Standing]) {
        let (account, metric) = (self.endpoint.account.name().clone(), self.metric().name);
        let is_mine = |one: &&Standing| one.answer.key.account == account && one.answer.key.metric.as_str() == metric;
        self.window.hear(standing.iter().filter(is_mine).cloned());
        self.is_behind = false;
    }

    /// What to ask for now, if it is due: about the present, or else, with `backfill`, about the past.
    pub fn next(&self, now: UtcMillis, first: UtcDay, backfill: bool) -> Option<Ask> {
        if self.is_busy() || self.track.is_resting(now) {
            return None;
        }
        if self.due_at(now) <= now {
            return Some(self.track.live(now, first));
        }
        self.track.backfill(now, first).filter(|_| backfill)
    }

    /// When it is due.
    pub fn due_at(&self, now: UtcMillis) -> UtcMillis {
        self.track.due_at(now, self.endpoint.share)
    }

    /// Whether a question is on its way.
    pub fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// A question goes out.
    pub fn begin(&mut self, ask: Ask, question: AbortHandle) {
        self.under_way = Some((ask, question));
    }

    /// It has come back.
    pub fn end(&mut self) {
        self.under_way = None;
    }

    /// Takes back what is on its way.
    pub fn stop(&mut self) {
        if let Some((_, question)) = self.under_way.take() {
            question.abort();
        }
    }

    /// Takes back what is on its way, and asks for nothing until then at least: the provider has asked this account for a pause.
    pub fn pause(&mut self, now: UtcMillis, until: UtcMillis) {
        self.stop();
        self.track.pause(now, until);
    }

    /// What became of the tries before: another process may have asked.
    pub fn recall(&mut self, state: &State) {
        self.track.recall(state.tries(self.endpoint.account.name(), self.metric().name));
    }

    /// An answer has come: what of it is to be recorded.
    pub fn answered(&mut self, ask: &Ask, answered: poll::Answered, now: UtcMillis) -> Vec<Event> {
        self.track.answered(ask, answered.observed.1, now);
        self.window.news(answered.answers)
    }

    /// It has failed. What the provider asks for is kept, whoever is in a hurry.
    pub fn failed(&mut self, failure: &Failure, now: UtcMillis) {
        self.track.failed(now, failure.retry_after_s(), self.endpoint.share);
        if let (true, Some(until)) = (failure.is_pause(), self.track.rests_until(now)) {
            self.track.pause(now, until);
        }
    }

    /// Asks at once, unless the provider wants to be left alone.
    pub fn hurry(&mut self) {
        self.track.hurry();
    }
}

impl Endpoint {
    /// Whether what the provider says of the time proves something. What answers over plain HTTP is on this machine, and its clock is the
    /// one that is to be proven: after a jump it would prove the jump.
    pub fn vouches(&self) -> bool {
        is_apart(&self.base)
    }

    /// Asks.
    ///
    /// # Errors
    /// What became of it instead.
    pub async fn ask(&self, metric: &Metric, ask: &Ask, now: UtcMillis) -> Result<poll::Answered, Failure> {
        let asked = Asked { provider: self.provider, base: &self.base, key: &self.key };
        poll::ask(&self.client, &asked, self.account.name(), metric, ask, now).await
    }
}

fn is_apart(base: &Url) -> bool {
    base.scheme() == "https"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_who_answers_over_https_vouches_for_the_time() {
        let of = |text: &str| is_apart(&aimon_sources::provider::http::base(text).unwrap());
        assert!(of("https://api.openai.com/v1") && of("HTTPS://gateway.example"));
        assert!(!of("http://127.0.0.1:4000") && !of("http://localhost/v1") && !of("http://[::1]:1"));
    }
}
