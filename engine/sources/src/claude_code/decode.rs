//! Lines to records.

mod line;
mod repeats;

use std::sync::LazyLock;

use aimon_core::event::{Event, MessageId, Quality, Record, RequestId};
use aimon_core::name::Name;
use memchr::memmem::Finder;

use self::line::{Line, Orders, Usage, text};
use self::repeats::Repeats;
use super::KIND;
use crate::collector::{CollectError, Decoder, Out, SkipReason};
use crate::json::Value;
use crate::project::ProjectId;
use crate::stamp;

/// What every line of interest contains.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
/// What it contains if somebody escaped a letter of that key.
static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u00"));

/// The model that Claude Code names for answers that it made up itself.
const SYNTHETIC: &str = "<synthetic>";

/// Logs of earlier versions often keep the streaming placeholder instead of the final usage.
const COMPLETE_SINCE: [u64; 3] = [2, 1, 97];

/// The decoder of one file.
pub(super) struct Lines {
    kind: Name,
    repeats: Repeats,
    orders: Orders,
    message: Memo<Option<MessageId>>,
    request: Memo<Option<RequestId>>,
    session: Memo<Name>,
    model: Memo<Name>,
    quality: Memo<Quality>,
    project: Memo<Option<ProjectId>>,
    /// Records of the latest message, which streams over several lines.
    latest: Vec<Record>,
}

impl Lines {
    pub(super) fn new(state: Option<&[u8]>) -> Result<Self, CollectError> {
        let repeats = match state {
            None => Repeats::default(),
            Some(state) => Repeats::from_bytes(state).ok_or(CollectError::State)?,
        };
        Ok(Self {
            kind: KIND.into(),
            repeats,
            orders: Orders::default(),
            message: Memo::default(),
            request: Memo::default(),
            session: Memo::default(),
            model: Memo::default(),
            quality: Memo::default(),
            project: Memo::default(),
            latest: Vec::new(),
        })
    }

    fn candidate(&mut self, text: &[u8], out: &mut Out) {
        let mut line = Line::default();
        let taken = match line.read(text, &mut self.orders) {
            Ok(true) => self.take(&line, out),
            Ok(false) => Ok(()),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = taken {
            out.skip(reason);
        }
    }

    fn take(&mut self, line: &Line<'_>, out: &mut Out) -> Result<(), SkipReason> {
        let model = self.model.of(&line.model, |model| out.name(model.unwrap_or("unknown")));
        if model.as_str() == SYNTHETIC {
            return Ok(());
        }
        let time = line.timestamp.as_ref().and_then(stamp::time).ok_or(SkipReason::NoTime)?;
        let session = self.session.of(&line.session, |session| out.name(session.unwrap_or_default()));
        let usage = line.usage.checked()?;
        let of_message = |id: &str| MessageId::of(KIND, &[id.as_bytes()]);
        let mut line_id = None;
        let message = self.message.of(&line.message, |id| id.map(of_message)).unwrap_or_else(|| {
            let id = line_id.insert(self.repeats.identify(&session, time, &model, &usage));
            MessageId::of(KIND, &[b"line", id])
        });
        let of_request = |id: &str| RequestId::of(KIND, &[id.as_bytes()]);
        let request = self
            .request
            .of(&line.request, |id| id.map(of_request))
            .unwrap_or_else(|| RequestId::of(KIND, &[b"session", session.as_bytes()]));
        // Without a request id a message id means something only within its session: gateways count
        // from 1 in each.
        let in_session = if text(&line.request).is_none() { text(&line.message) } else { None };
        let message = match &in_session {
            Some(id) => MessageId::of(KIND, &[b"in", session.as_bytes(), id.as_bytes()]),
            None => message,
        };
        let main = Record {
            source: self.kind.clone(),
            message,
            request,
            sidechain: line.sidechain,
            time,
            model,
            session,
            tokens: usage.tokens,
            web_searches: usage.web_searches,
            tier: line.usage.tier(),
            quality: self.quality.of(&line.version, quality_of_version),
            payer: text(&line.payer).map(|payer| out.name(&payer)),
            stated_cost: line.stated_cost(),
            project: self.project.of(&line.folder, |folder| out.project(folder)),
            origin: None,
        };
        let is_repeat = self.latest.first().is_some_and(|first| {
            (first.message, first.request, first.sidechain) == (main.message, main.request, main.sidechain)
        });
        if !is_repeat {
            self.finish(out);
        }
        // An advisor is another model's call inside this one; its tokens are not in the message's.
        // A figure of an advisor's that makes no sense takes nothing but that advisor away.
        let mut advisors = 0_u32;
        let mut skipped = Ok(());
        line.usage.advisors(|advisor: &Usage<'_>, model: Option<&str>| {
            let nth = advisors.to_le_bytes();
            advisors += 1;
            let otherwise = text(&line.advisor_model);
            let Some(model) = model.or(otherwise.as_deref()) else {
                skipped = Err(SkipReason::NoModel);
                return;
            };
            match advisor.checked() {
                Err(reason) => skipped = Err(reason),
                Ok(usage) => {
                    let message_text = text(&line.message);
                    let id: &[&[u8]] = match (&message_text, &line_id) {
                        (Some(id), _) if in_session.is_some() => {
                            &[b"in", main.session.as_bytes(), id.as_bytes(), b"advisor", &nth]
                        }
                        (Some(id), _) => &[id.as_bytes(), b"advisor", &nth],
                        (None, Some(id)) => &[b"line", id, b"advisor", &nth],
                        (None, None) => return,
                    };
                    let record = Record {
                        message: MessageId::of(KIND, id),
                        model: out.name(model),
                        tokens: usage.tokens,
                        web_searches: usage.web_searches,
                        tier: advisor.tier(),
                        stated_cost: None,
                        ..main.clone()
                    };
                    // Behind the main record, which is not in yet: see below.
                    keep(&mut self.latest, record, out);
                }
            }
        });
        // The main record stays in front: it is what the next line is compared with.
        match self.latest.first() {
            Some(first) if first.message == main.message => keep(&mut self.latest, main, out),
            _ => self.latest.insert(0, main),
        }
        skipped
    }
}

/// What was made of a field last time: most fields say the same line after line, and a streamed message
/// repeats its ids.
struct Memo<T> {
    raw: Vec<u8>,
    made: Option<T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { raw: Vec::new(), made: None }
    }
}

impl<T: Clone> Memo<T> {
    /// `make` gets the field's text, if there is one that is not empty.
    fn of(&mut self, field: &Option<Value<'_>>, make: impl FnOnce(Option<&str>) -> T) -> T {
        let raw = field.as_ref().map_or(&[][..], Value::raw);
        match &self.made {
            Some(made) if self.raw == raw => made.clone(),
            _ => {
                self.raw.clear();
                self.raw.extend_from_slice(raw);
                self.made.insert(make(text(field).as_deref())).clone()
            }
        }
    }
}

impl Decoder for Lines {
    fn line(&mut self, line: &[u8], out: &mut Out) {
        if USAGE.find(line).is_some() || has_escaped_letter(line) {
            self.candidate(line, out);
        }
    }

    /// Many bytes are in lines of no interest, so this looks for the key in the whole block and only
    /// then for the ends of its line. What lies between is looked at for the key in disguise.
    fn lines(&mut self, block: &[u8], out: &mut Out) {
        let mut rest = block;
        loop {
            let hit = USAGE.find(rest);
            let start = hit.map_or(rest.len(), |hit| memchr::memrchr(b'\n', &rest[..hit]).map_or(0, |at| at + 1));
            let (between, from) = rest.split_at(start);
            if has_escaped_letter(between) {
                for line in between.split(|b| *b == b'\n') {
                    self.line(line, out);
                }
            }
            let Some(hit) = hit else { return };
            let end = memchr::memchr(b'\n', &from[hit - start..]).map_or(from.len(), |at| hit - start + at);
            self.candidate(&from[..end], out);
            rest = from.get(end + 1..).unwrap_or_default();
        }
    }

    fn finish(&mut self, out: &mut Out) {
        for record in self.latest.drain(..) {
            out.event(Event::Record(record));
        }
    }

    fn state(&self) -> Vec<u8> {
        self.repeats.to_bytes()
    }
}

/// Whether a lower-case letter is written as an escape (`\u0061` to `\u007a`), which no JSON writer
/// does by itself: such a line may hide the key.
fn has_escaped_letter(text: &[u8]) -> bool {
    ESCAPE.find_iter(text).any(|at| matches!(text.get(at + 4), Some(b'6' | b'7')))
}

/// Of copies of one message the one with more tokens stands, then the earlier. Where both agree the
/// fold decides by the whole record, so both are kept; a copy that says nothing new is dropped.
fn keep(latest: &mut Vec<Record>, new: Record, out: &mut Out) {
    let Some(old) = latest.iter_mut().find(|old| old.message == new.message) else {
        latest.push(new);
        return;
    };
    let order = new.tokens.total().cmp(&old.tokens.total()).then(old.time.cmp(&new.time));
    match order {
        std::cmp::Ordering::Greater => *old = new,
        std::cmp::Ordering::Equal if *old != new => out.event(Event::Record(new)),
        _ => {}
    }
}

/// Whether the line's version says that its figures may be placeholders. A line without a version,
/// or with one that is no number, says nothing of the kind.
fn quality_of_version(version: Option<&str>) -> Quality {
    let mut numbers = version.unwrap_or_default().split('.').map(|part| {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        part[..digits].parse::<u64>().ok()
    });
    let mut next = || numbers.next().flatten();
    match (next(), next(), next()) {
        (Some(major), Some(minor), Some(patch)) if [major, minor, patch] < COMPLETE_SINCE => Quality::Understated,
        _ => Quality::Log,
    }
}
