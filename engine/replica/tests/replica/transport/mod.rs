//! Transports against a small relay, and against folders that others put things into.

mod calls;
mod connections;
mod folder;
pub mod relay;

use aimon_ledger::frame::{Frame, Hello, Want};
use aimon_ledger::signature::Purpose;
use aimon_replica::transport::{Address, Error, Http, Options, Token};
use relay::{DEVICE, Relay, WORKSPACE, keys};

fn http(relay: &Relay) -> Http {
    Http::new(&Address::parse(&relay.origin()).unwrap(), &Options::default()).unwrap()
}

async fn authenticate(http: &Http) -> Result<Token, Error> {
    let keys = keys();
    http.authenticate(&WORKSPACE, &DEVICE, |challenge| keys.sign(Purpose::Challenge, &WORKSPACE, challenge)).await
}

fn hello() -> Frame {
    Frame::Hello(Hello {
        versions: vec![1],
        workspace: WORKSPACE,
        key: None,
        heads: vec![],
        cursor: 0,
        want: Want::All,
    })
}

/// An error's code.
fn code<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => "fine".to_owned(),
        Err(e) => {
            assert!(!e.help().is_empty() && !e.to_string().is_empty());
            e.code().to_owned()
        }
    }
}
