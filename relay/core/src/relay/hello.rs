//! Hello, and welcome.

use aimon_ledger::frame::{Code, Frame, Hello, KeyInUse, VERSION, Welcome};
use aimon_ledger::time::UtcMillis;

use super::session::Talk;
use super::statements::frames_of;
use super::{NOT_A_MEMBER, Refusal, Relay, SessionId, UNKNOWN_WORKSPACE};
use crate::storage::Storage;

const VERSION_TEXT: &str = "this relay speaks version 1 of the protocol: update the older of the two";
const WRONG_KEY: &str =
    "this device's key is not the workspace's: leave the workspace on this device and join it again";

impl<S: Storage> Relay<S> {
    pub(super) fn hello(&mut self, session: SessionId, hello: &Hello, now: UtcMillis) -> Result<(), S::Error> {
        let Some((id, device)) = self.sessions.get(&session).map(|session| (session.workspace, session.device)) else {
            return Ok(());
        };
        if !hello.versions.contains(&VERSION) {
            self.end(session, Refusal::new(Code::Version, VERSION_TEXT));
            return Ok(());
        }
        self.advance(&id)?;
        let tally = self.storage.tally(&id)?;
        let Some(workspace) = self.workspaces.get_mut(&id).filter(|_| hello.workspace == id) else {
            self.end(session, Refusal::new(Code::UnknownWorkspace, UNKNOWN_WORKSPACE));
            return Ok(());
        };
        if !workspace.view.is_member(&device) {
            self.end(session, Refusal::new(Code::NotAMember, NOT_A_MEMBER));
            return Ok(());
        }
        // A rotate that is not held says nothing; nor does an older one.
        if let Some(KeyInUse { rotate, check }) = &hello.key
            && workspace.check_of(rotate).is_some_and(|known| known != check)
        {
            self.end(session, Refusal::new(Code::WrongKey, WRONG_KEY));
            return Ok(());
        }
        workspace.sessions.insert(session);
        let welcome = Welcome {
            version: VERSION,
            time: now,
            first_day: workspace.rules.first_day,
            head: tally.head,
            heads: workspace.membership.heads(),
            digest: tally.total,
        };
        let lacking: Vec<Vec<u8>> =
            workspace.membership.lacking(&hello.heads).into_iter().map(|s| s.bytes().to_vec()).collect();
        // A relay that lost some numbers gives lower ones again: a cursor beyond them would wait for ever.
        let talk = Talk::new(hello.want, hello.cursor.min(tally.head));
        if let Some(session) = self.sessions.get_mut(&session) {
            session.talk = Some(talk);
        }
        self.busy.insert(session);
        self.say(session, Frame::Welcome(welcome));
        for frame in frames_of(lacking) {
            self.say(session, frame);
        }
        Ok(())
    }
}
