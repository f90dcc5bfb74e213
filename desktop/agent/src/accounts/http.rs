//! The client by which providers are asked.

use aimon_replica::transport::{self, Options};
use reqwest::{Client, Url};

use crate::error::Result;

/// Clients for the net, and for this machine.
#[derive(Clone, Debug)]
pub struct Clients {
    far: Client,
    near: Client,
}

impl Clients {
    /// As the environment has them.
    ///
    /// # Errors
    /// The file of certificates can't be used.
    pub fn new() -> Result<Self> {
        let options = Options::of_environment();
        Ok(Self { far: transport::https(&options, false)?, near: transport::https(&options, true)? })
    }

    /// The one for an address.
    pub fn to(&self, base: &Url) -> &Client {
        if base.scheme() == "http" { &self.near } else { &self.far }
    }
}
