//! Where an agent keeps its login: a file, or the system's keychain. It is read, and nothing else.

use aimon_core::time::UtcMillis;
use aimon_sources::collector::Env;
use aimon_sources::subscription::{Login, NoReading, Subscription, login};
use secrecy::ExposeSecret;

use crate::secrets;

/// Reads the login that is there now.
///
/// # Errors
/// There is none, or none that can ask.
pub async fn read(of: &'static dyn Subscription, env: &Env, now: UtcMillis) -> Result<Login, NoReading> {
    let agent = of.agent();
    let Some(path) = of.file(env) else { return Err(NoReading::NoLogin { agent }) };
    let in_file = match login::file(of, &path)? {
        Some(bytes) => of.login(&bytes, now),
        None => Err(NoReading::NoLogin { agent }),
    };
    // A file may be left over from before the agent moved its login into the keychain.
    let (Err(NoReading::NoLogin { .. } | NoReading::Stale { .. }), Some(service)) = (&in_file, of.keychain(env)) else {
        return in_file;
    };
    let user = env.var("USER").map(|user| user.to_string_lossy().into_owned()).unwrap_or_default();
    // The system may ask whoever sits there whether aimon may look.
    let looked = tokio::task::spawn_blocking(move || secrets::of_another(service, &user)).await;
    match looked {
        Ok(Ok(Some(secret))) => of.login(secret.expose_secret(), now),
        Ok(Ok(None)) | Err(_) => in_file,
        Ok(Err(why)) => Err(NoReading::Login { agent, why }),
    }
}
