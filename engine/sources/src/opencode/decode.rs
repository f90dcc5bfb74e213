//! One file of `storage/message`.

use aimon_core::name::Name;

use super::KIND;
use super::message::Message;
use crate::collector::{Decoder, Out};

/// Decodes one message's file.
pub(super) struct File {
    source: Name,
    session: String,
}

impl File {
    /// `session` stands for the session where the message does not name it.
    pub fn new(session: &str) -> Self {
        Self { source: Name::from(KIND), session: session.to_owned() }
    }
}

impl Decoder for File {
    fn line(&mut self, text: &[u8], out: &mut Out) {
        Message::take(text, &self.source, &self.session, None, out);
    }

    fn lines(&mut self, text: &[u8], out: &mut Out) {
        self.line(text, out);
    }
}
