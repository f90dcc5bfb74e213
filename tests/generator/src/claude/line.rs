//! Lines as Claude Code writes them.

use std::fmt::Write as _;

use crate::Tokens;
use crate::clock::iso;
use crate::json::{quoted, spaced};

/// What stays the same within a file.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub session: String,
    pub cwd: String,
    pub branch: &'static str,
    pub version: &'static str,
    pub style: Style,
}

/// How a session's lines differ from the usual.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub fast: bool,
    pub split_only: bool,
    pub flat_only: bool,
    pub spaced: bool,
    pub null_id: bool,
}

/// An assistant's line: one content block and the usage so far.
#[derive(Clone, Debug)]
pub(super) struct Message<'a> {
    pub id: Option<&'a str>,
    pub request: Option<&'a str>,
    pub model: &'a str,
    pub usage: Tokens,
    pub advisor: Option<(&'a str, Tokens)>,
    pub sidechain: bool,
    /// The content block, as JSON.
    pub block: &'a str,
    pub done: bool,
}

impl Frame {
    /// One line of `type: assistant`, without its newline.
    pub fn assistant(&self, at: i64, uuid: &str, message: &Message<'_>) -> String {
        let mut out = self.head(message.sidechain);
        out.push_str("\"message\":");
        self.message(&mut out, message);
        if let Some(request) = message.request {
            let _ = write!(out, ",\"requestId\":\"{request}\"");
        }
        let _ = write!(out, ",\"type\":\"assistant\",\"uuid\":\"{uuid}\",\"timestamp\":\"{}\"}}", iso(at));
        self.finish(out)
    }

    /// What the user typed, or a tool's result.
    pub fn user(&self, at: i64, uuid: &str, text: &str, tool: bool, look_alike: bool) -> String {
        let mut out = self.head(false);
        out.push_str("\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":");
        if tool {
            let _ = write!(
                out,
                "[{{\"tool_use_id\":\"toolu_{}\",\"type\":\"tool_result\",\"content\":{}}}]}}",
                &uuid[..8],
                quoted(text)
            );
        } else {
            let _ = write!(out, "{}}}", quoted(text));
        }
        let _ = write!(out, ",\"uuid\":\"{uuid}\",\"timestamp\":\"{}\"", iso(at));
        if look_alike {
            // A sub-agent's result: a usage object, but not a message's.
            out.push_str(",\"toolUseResult\":{\"status\":\"completed\",\"totalTokens\":12,\"usage\":{\"input_tokens\":5,\"output_tokens\":7,\"cache_read_input_tokens\":0}}");
        }
        out.push('}');
        self.finish(out)
    }

    fn head(&self, sidechain: bool) -> String {
        let mut out = String::with_capacity(1024);
        let _ = write!(
            out,
            "{{\"parentUuid\":null,\"isSidechain\":{sidechain},\"userType\":\"external\",\"cwd\":{},\"sessionId\":\"{}\",\"version\":\"{}\",\"gitBranch\":{},",
            quoted(&self.cwd),
            self.session,
            self.version,
            quoted(self.branch)
        );
        out
    }

    fn message(&self, out: &mut String, m: &Message<'_>) {
        let _ = write!(out, "{{\"model\":\"{}\",", m.model);
        if let Some(id) = m.id {
            let _ = write!(out, "\"id\":\"{id}\",");
        }
        out.push_str("\"type\":\"message\",\"role\":\"assistant\",\"content\":[");
        if self.style.null_id {
            out.push_str("{\"type\":\"text\",\"id\":null,\"text\":\"\"},");
        }
        out.push_str(m.block);
        let stop = if m.done { "\"end_turn\"" } else { "null" };
        let _ = write!(out, "],\"stop_reason\":{stop},\"stop_sequence\":null,\"usage\":");
        self.usage(out, m);
        out.push('}');
    }

    fn usage(&self, out: &mut String, m: &Message<'_>) {
        let u = &m.usage;
        let _ = write!(out, "{{\"input_tokens\":{},", u.input);
        if !self.style.split_only {
            let _ = write!(out, "\"cache_creation_input_tokens\":{},", u.cache_write());
        }
        let _ = write!(out, "\"cache_read_input_tokens\":{},", u.cache_read);
        if !self.style.flat_only {
            let _ = write!(
                out,
                "\"cache_creation\":{{\"ephemeral_5m_input_tokens\":{},\"ephemeral_1h_input_tokens\":{}}},",
                u.cache_write_5m, u.cache_write_1h
            );
        }
        let _ = write!(out, "\"output_tokens\":{},\"service_tier\":\"standard\"", u.output);
        if self.style.fast {
            out.push_str(",\"speed\":\"fast\"");
        }
        if let Some((model, a)) = &m.advisor {
            let _ = write!(
                out,
                ",\"iterations\":[{{\"type\":\"message\",\"input_tokens\":{},\"output_tokens\":{},\"cache_read_input_tokens\":{},\"cache_creation_input_tokens\":{}}},{{\"type\":\"advisor_message\",\"model\":\"{model}\",\"input_tokens\":{},\"output_tokens\":{},\"cache_read_input_tokens\":{},\"cache_creation_input_tokens\":{}}}]",
                u.input,
                u.output,
                u.cache_read,
                u.cache_write(),
                a.input,
                a.output,
                a.cache_read,
                a.cache_write()
            );
        }
        out.push('}');
    }

    fn finish(&self, line: String) -> String {
        if self.style.spaced { spaced(&line) } else { line }
    }
}
