//! A server: it starts, is told what to do, and tells what it was asked.

mod ask;
mod bomb;
mod door;
mod serve;
mod spoil;

pub(crate) use ask::{Answer, Ask};

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::fault::{Fault, Faults};
use crate::key::{Key, KeyKind, Org};
use crate::log::{Log, Request, Violation};
use crate::money::Money;
use crate::subscription::Quota;
use crate::truth::Truth;

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI: organization usage and costs.
    OpenAi,
    /// Anthropic: usage and cost reports.
    Anthropic,
    /// OpenRouter: credits, key and activity.
    OpenRouter,
    /// A LiteLLM proxy: spend and daily activity.
    LiteLlm,
    /// Where Claude Code asks for a subscription's windows.
    ClaudeWindows,
    /// Where Codex does.
    CodexWindows,
}

impl Provider {
    /// All that tell of usage and costs.
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::Anthropic, Self::OpenRouter, Self::LiteLlm];
}

/// How a server behaves where a provider leaves it open, or differs from what it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Pages are no larger than this, whatever is asked for.
    pub page_at_most: Option<u64>,
    /// How dollars are written; as the provider usually does if it is none. Anthropic's cents stay strings.
    pub money: Option<Money>,
    /// OpenAI refuses a page token that does not come back byte for byte (`=` as `%3D`), as its live server was seen
    /// to do.
    pub raw_tokens: bool,
    /// OpenRouter's dates come as `2026-09-01 00:00:00`, as its live server was seen to write them.
    pub midnight: bool,
    /// So many requests of a key in so many milliseconds; more are refused with 429.
    pub rate: Option<(usize, i64)>,
    /// OpenAI's and Anthropic's costs know only what usage knew so many milliseconds ago.
    pub costs_behind: i64,
    /// Answers are compressed for whoever accepts it.
    pub gzip: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            page_at_most: None,
            money: None,
            raw_tokens: true,
            midnight: false,
            rate: None,
            costs_behind: 0,
            gzip: false,
        }
    }
}

/// An organization, what it used, and who may ask.
#[derive(Debug)]
struct Account {
    org: Org,
    truth: Arc<Truth>,
    keys: Vec<Key>,
}

/// What the server's thread and its owner share.
#[derive(Debug)]
struct Shared {
    provider: Provider,
    clock: Clock,
    inner: Mutex<Inner>,
    /// How many requests wait for their answer, and the most that ever did.
    open: AtomicUsize,
    most_open: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    accounts: Vec<Account>,
    habits: Habits,
    quotas: Vec<Quota>,
    faults: Faults,
    log: Log,
}

impl Shared {
    /// A request waits for its answer until what comes back is dropped.
    fn open(&self) -> Open<'_> {
        self.most_open.fetch_max(self.open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Open(self)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A test that failed while it held the lock says so itself.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits.
struct Open<'a>(&'a Shared);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Inner {
    fn account(&self, secret: Option<&str>) -> Option<(&Account, &Key)> {
        let keys = self.accounts.iter().flat_map(|account| account.keys.iter().map(move |key| (account, key)));
        keys.into_iter().find(|(_, key)| Some(key.secret.as_str()) == secret)
    }

    fn key(&mut self, secret: &str) -> Option<&mut Key> {
        self.accounts.iter_mut().flat_map(|account| &mut account.keys).find(|key| key.secret == secret)
    }
}

/// A provider on 127.0.0.1, until it is dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one with an organization.
    pub fn start(provider: Provider, org: Org, truth: Truth, keys: Vec<Key>, clock: Clock) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let inner = Inner { accounts: vec![Account { org, truth: Arc::new(truth), keys }], ..Inner::default() };
        let (open, most_open) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { provider, clock, inner: Mutex::new(inner), open, most_open });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(format!("{provider:?}"))
            .spawn(move || serve::run(listener, served, stopped))?;
        Ok(Self { url, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds another organization with its own truth and keys.
    pub fn add(&self, org: Org, truth: Truth, keys: Vec<Key>) {
        self.shared.inner().accounts.push(Account { org, truth: Arc::new(truth), keys });
    }

    /// The truth of the first organization.
    pub fn truth(&self) -> Arc<Truth> {
        self.shared.inner().accounts.first().map(|account| Arc::clone(&account.truth)).unwrap_or_default()
    }

    /// Another truth for the first organization.
    pub fn set_truth(&self, truth: Truth) {
        if let Some(account) = self.shared.inner().accounts.first_mut() {
            account.truth = Arc::new(truth);
        }
    }

    /// Another kind for a key: revoked, or valid again.
    pub fn set_kind(&self, secret: &str, kind: KeyKind) {
        if let Some(key) = self.shared.inner().key(secret) {
            key.kind = kind;
        }
    }

    /// How full a subscription's windows are from here on.
    pub fn set_quotas(&self, quotas: Vec<Quota>) {
        self.shared.inner().quotas = quotas;
    }

    /// Changes how it behaves.
    pub fn habits(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.shared.inner().habits);
    }

    /// The next answer at a path goes wrong. Several wait for one another.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.fault_times(path, fault, 1);
    }

    /// The next answers at a path go wrong.
    pub fn fault_times(&self, path: &str, fault: Fault, times: u32) {
        self.shared.inner().faults.queue(path, fault, Some(times));
    }

    /// All answers at a path go wrong until [`Self::mend`].
    pub fn fault_always(&self, path: &str, fault: Fault) {
        self.shared.inner().faults.queue(path, fault, None);
    }

    /// Answers go wrong at random, in so many of a thousand cases.
    pub fn faults_at_random(&self, seed: u64, per_mille: u16) {
        self.shared.inner().faults.at_random(seed, per_mille);
    }

    /// Likewise, with one of these each time.
    pub fn faults_among(&self, seed: u64, per_mille: u16, faults: Vec<Fault>) {
        self.shared.inner().faults.among(seed, per_mille, faults);
    }

    /// Nothing goes wrong from here on. A key that a fault revoked stays so.
    pub fn mend(&self) {
        self.shared.inner().faults.clear();
    }

    /// What it was asked so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.inner().log.requests.clone()
    }

    /// The most requests that ever waited for their answer at once.
    pub fn most_at_once(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// Which limits were broken so far, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.inner().log.violations.clone()
    }

    /// Forgets requests and violations, and whom it told to wait.
    pub fn forget(&self) {
        self.shared.inner().log = Log::default();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Whoever serves has ended already if nobody hears.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Names of headers, in lower case, and their values.
type Headers = BTreeMap<String, String>;
