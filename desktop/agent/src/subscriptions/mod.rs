//! Subscriptions: whose windows this device asks for, with the login that an agent keeps here, and what became of it.
//!
//! * [`asking`]: what is due is asked, and recorded.
//! * [`logins`]: where an agent keeps its login.
//! * [`note`]: what is remembered of the questions so far, over a restart.
//! * [`shown`]: what became of them, for whoever looks.
//! * [`stay`]: going on with it beside everything else, as `aimon up` does.

pub mod asking;
pub mod logins;
pub mod note;
pub mod shown;
pub mod stay;

use aimon_sources::provider::Failure;
use aimon_sources::subscription::NoReading;

use crate::accounts::help_of;

/// What to do where there is no reading.
pub fn help(why: &NoReading) -> String {
    match why {
        NoReading::NoLogin { agent } => format!("log in with `{agent}`, and its login is read where it lies"),
        NoReading::Login { agent, .. } => {
            format!("use `{agent}` once; where it stays so, this aimon is too old for it")
        }
        NoReading::NoSubscription { .. } => {
            "`aimon account add openai` adds what is paid by the token; a key has no windows".to_owned()
        }
        NoReading::Stale { agent } => format!("use `{agent}` once: it renews its token itself, and aimon never does"),
        NoReading::Scope { agent } => {
            format!("log in again with `{agent}` and your own account: a token that was made for scripts may not ask")
        }
        NoReading::Failed(Failure::RateLimited { .. }) => {
            "nothing: nobody is asked until then; what `aimon statusline` and logs bring goes on".to_owned()
        }
        NoReading::Failed(failure) => help_of(failure),
    }
}
