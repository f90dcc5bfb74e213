//! Statements: what they change, and who hears of it.

use aimon_ledger::frame::{Code, Frame};
use aimon_ledger::ids::{StatementId, WorkspaceId};
use aimon_ledger::statement::Statement;
use aimon_ledger::time::UtcMillis;

use super::{NOT_A_MEMBER, Refusal, Relay, SessionId, UNKNOWN_WORKSPACE};
use crate::storage::Storage;
use crate::workspace::{Workspace, code_of};

/// How many bytes of statements go into one frame.
const FRAME_BYTES: usize = 256 * 1024;

/// Statements that were taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stated {
    /// How many of them are new.
    pub taken: u64,
    /// The heads of all that is held now.
    pub heads: Vec<StatementId>,
}

impl<S: Storage> Relay<S> {
    /// Takes statements in that came outside of a session: they carry their own proof. A workspace that is not held is opened
    /// by its genesis, if `may_open`. [`Relay::commit`] makes it durable; nothing is to be acknowledged before.
    pub fn statements(
        &mut self,
        workspace: &WorkspaceId,
        statements: Vec<Vec<u8>>,
        may_open: bool,
        now: UtcMillis,
    ) -> Result<Stated, Refusal> {
        let done = self.observe(now).and_then(|()| self.state(workspace, statements, may_open, None));
        done.unwrap_or_else(|error| {
            self.fail(error);
            Err(Refusal::new(Code::Unavailable, super::UNAVAILABLE))
        })
    }

    pub(super) fn statements_said(
        &mut self,
        session: SessionId,
        workspace: WorkspaceId,
        statements: Vec<Vec<u8>>,
    ) -> Result<(), S::Error> {
        if let Err(why) = self.state(&workspace, statements, false, Some(session))? {
            self.say(session, Frame::Failed { code: why.code, text: why.text });
        }
        Ok(())
    }

    fn state(
        &mut self,
        id: &WorkspaceId,
        statements: Vec<Vec<u8>>,
        may_open: bool,
        from: Option<SessionId>,
    ) -> Result<Result<Stated, Refusal>, S::Error> {
        self.load(id)?;
        let mut statements = statements.into_iter();
        let mut new = Vec::new();
        if !self.workspaces.contains_key(id) {
            let genesis = match statements.next().map(Statement::parse) {
                Some(Ok(genesis)) => genesis,
                Some(Err(error)) => return Ok(Err(Refusal { code: code_of(&error), text: error.to_string() })),
                None => return Ok(Err(Refusal::new(Code::UnknownWorkspace, UNKNOWN_WORKSPACE))),
            };
            let begun = match Workspace::begin(*id, genesis.clone(), self.time.until) {
                Ok(begun) => begun,
                Err(error) => return Ok(Err(Refusal { code: code_of(&error), text: error.to_string() })),
            };
            if !may_open {
                let code = Code::Other("registration-closed".to_owned());
                return Ok(Err(Refusal::new(code, REGISTRATION_CLOSED)));
            }
            self.touch(*id);
            self.workspaces.insert(*id, begun);
            self.storage.add_statement(id, &genesis)?;
            new.push(genesis.bytes().to_vec());
        }
        let mut refused = None;
        for bytes in statements {
            match self.add(id, bytes)? {
                Ok(Some(bytes)) => new.push(bytes),
                Ok(None) => {}
                Err(why) => {
                    refused = Some(why);
                    break;
                }
            }
        }
        let taken = new.len() as u64;
        if taken > 0 {
            self.stand(id, new, from)?;
        }
        let heads = self.workspaces.get(id).map(|workspace| workspace.membership.heads()).unwrap_or_default();
        Ok(refused.map_or(Ok(Stated { taken, heads }), Err))
    }

    /// Takes one statement in; its bytes if it is new.
    fn add(&mut self, id: &WorkspaceId, bytes: Vec<u8>) -> Result<Result<Option<Vec<u8>>, Refusal>, S::Error> {
        let Some(workspace) = self.workspaces.get_mut(id) else {
            return Ok(Err(Refusal::new(Code::UnknownWorkspace, UNKNOWN_WORKSPACE)));
        };
        let statement = match Statement::parse(bytes) {
            Ok(statement) => statement,
            Err(error) => return Ok(Err(Refusal { code: code_of(&error), text: error.to_string() })),
        };
        if workspace.membership.has(&statement.id()) {
            return Ok(Ok(None));
        }
        let bytes = workspace.statement_bytes + statement.bytes().len() as u64;
        if bytes > self.config.statement_quota || workspace.statement_count >= self.config.most_statements {
            return Ok(Err(Refusal::new(Code::Quota, "the workspace has too many statements for this relay")));
        }
        match workspace.insert(statement.clone()) {
            Ok(true) => {}
            // A workspace's own genesis comes again with everything else.
            Ok(false) => return Ok(Ok(None)),
            Err(error) => return Ok(Err(Refusal { code: code_of(&error), text: error.to_string() })),
        }
        self.touch(*id);
        self.storage.add_statement(id, &statement)?;
        Ok(Ok(Some(statement.bytes().to_vec())))
    }

    /// What has been stated takes effect, and everybody hears of it.
    fn stand(&mut self, id: &WorkspaceId, new: Vec<Vec<u8>>, from: Option<SessionId>) -> Result<(), S::Error> {
        let until = self.time.until;
        let Some(workspace) = self.workspaces.get_mut(id) else { return Ok(()) };
        let old = workspace.stand(until);
        let (view, sessions) = (workspace.view.clone(), workspace.sessions.clone());
        self.decide_again(id, &old)?;
        let frames = frames_of(new);
        for session in sessions {
            let Some(device) = self.sessions.get(&session).map(|session| session.device) else { continue };
            // Also one that is only known to the host by a token that is still valid.
            if !view.is_member(&device) {
                self.end(session, Refusal::new(Code::NotAMember, NOT_A_MEMBER));
            } else if Some(session) != from {
                frames.iter().for_each(|frame| self.say(session, frame.clone()));
            }
        }
        Ok(())
    }
}

pub(crate) const REGISTRATION_CLOSED: &str =
    "this relay opens no workspace without its registration token: ask whoever runs it, or use another relay";

/// Statements in frames, in their order.
pub(super) fn frames_of(statements: Vec<Vec<u8>>) -> Vec<Frame> {
    let (mut frames, mut frame, mut bytes) = (Vec::new(), Vec::new(), 0);
    for statement in statements {
        bytes += statement.len();
        frame.push(statement);
        if bytes >= FRAME_BYTES {
            frames.push(Frame::Statements(std::mem::take(&mut frame)));
            bytes = 0;
        }
    }
    if !frame.is_empty() {
        frames.push(Frame::Statements(frame));
    }
    frames
}
