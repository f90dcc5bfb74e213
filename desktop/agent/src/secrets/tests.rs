#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{CredentialStore, Entry, mock};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::*;

const SEED: [u8; 32] = *b"a seed that nobody else may see!";

/// A home, a keychain that may be there, and a person who may be there.
struct Scene {
    home: TempDir,
    keychain: Option<Arc<mock::Store>>,
    says: Option<bool>,
    asked: Cell<u32>,
}

impl Scene {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), keychain: None, says: None, asked: Cell::new(0) }
    }

    fn with_keychain() -> Self {
        Self { keychain: Some(mock::Store::new().unwrap()), ..Self::new() }
    }

    fn open(&self, forced: Option<Kind>) -> Result<Secrets> {
        let keychain = || match &self.keychain {
            Some(store) => Ok(Arc::<mock::Store>::clone(store) as Arc<CredentialStore>),
            None => Err(keyring_core::Error::NoStorageAccess("nobody on the bus".into())),
        };
        let ask = |_: &str| {
            self.asked.set(self.asked.get() + 1);
            self.says
        };
        Secrets::open(self.home.path(), &Surroundings { forced, keychain: &keychain, ask: &ask })
    }

    fn failed(&self, forced: Option<Kind>) -> String {
        self.open(forced).map(|_| ()).unwrap_err().code().to_owned()
    }

    /// All that lies in the folder.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.home.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(self.home.path()).unwrap().to_string_lossy().replace('\\', "/"));
                if path.is_dir() {
                    open.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

fn seed(secrets: &Secrets) -> Option<[u8; 32]> {
    secrets.device_seed().unwrap().map(|seed| *seed.expose_secret())
}

#[test]
fn the_keychain_is_used_if_it_answers_and_remembered() {
    let mut scene = Scene::with_keychain();
    let mut secrets = scene.open(None).unwrap();
    assert_eq!((secrets.kind(), seed(&secrets)), (Kind::Keychain, None));
    secrets.put_device_seed(&SEED).unwrap();
    assert_eq!(seed(&scene.open(None).unwrap()), Some(SEED));
    assert_eq!(scene.files(), ["secrets.json"]);
    let chosen = std::fs::read(scene.home.path().join("secrets.json")).unwrap();
    assert!(!chosen.windows(8).any(|w| SEED.windows(8).any(|s| s == w)));
    assert!(!String::from_utf8_lossy(&chosen).contains(&*scene.home.path().to_string_lossy()), "a folder can move");

    // The keychain is away for once: nothing is chosen anew, nobody is asked.
    scene.keychain = None;
    scene.says = Some(true);
    assert_eq!(scene.failed(None), "keychain-failed");
    assert_eq!(scene.failed(Some(Kind::File)), "secret-store-differs");
    assert_eq!(scene.asked.get(), 0);
}

#[test]
fn two_folders_share_a_keychain() {
    let one = Scene::with_keychain();
    let mut other = Scene::new();
    other.keychain = one.keychain.clone();
    one.open(None).unwrap().put_device_seed(&SEED).unwrap();
    let mut secrets = other.open(None).unwrap();
    assert_eq!(seed(&secrets), None);
    secrets.put_device_seed(&[1; 32]).unwrap();
    secrets.remove_all().unwrap();
    assert_eq!(seed(&one.open(None).unwrap()), Some(SEED));
}

#[test]
fn without_a_keychain_a_person_is_asked_and_else_nothing_is_kept() {
    let mut scene = Scene::new();
    for says in [None, Some(false)] {
        scene.says = says;
        let e = scene.open(None).unwrap_err();
        assert_eq!(e.code(), "no-secret-store");
        assert!(e.to_string().contains("nobody on the bus") && e.help().contains("AIMON_SECRET_STORE=file"), "{e}");
        assert_eq!(scene.files(), [""; 0]);
    }
    assert_eq!(scene.failed(Some(Kind::Keychain)), "keychain-failed");
    scene.says = Some(true);
    assert_eq!(scene.open(None).unwrap().kind(), Kind::File);
    scene.says = Some(false);
    assert_eq!(scene.open(None).unwrap().kind(), Kind::File, "asked once");
    assert_eq!(scene.asked.get(), 3);
}

/// One that answers, and takes nothing.
#[derive(Debug)]
struct Locked;

impl CredentialStoreApi for Locked {
    fn vendor(&self) -> String {
        String::new()
    }

    fn id(&self) -> String {
        String::new()
    }

    fn build(&self, _: &str, _: &str, _: Option<&HashMap<&str, &str>>) -> keyring_core::Result<Entry> {
        Err(keyring_core::Error::NoStorageAccess("locked".into()))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

#[test]
fn a_keychain_that_refuses_is_none() {
    let scene = Scene::new();
    let keychain = || Ok(Arc::new(Locked) as Arc<CredentialStore>);
    let ask = |why: &str| {
        assert!(why.contains("locked"), "{why}");
        Some(true)
    };
    let around = Surroundings { forced: None, keychain: &keychain, ask: &ask };
    assert_eq!(Secrets::open(scene.home.path(), &around).unwrap().kind(), Kind::File);
}

/// `dbus-run-session -- sh -c 'printf x | gnome-keyring-daemon --unlock --components=secrets; cargo nextest run …'`
#[cfg(all(unix, not(target_os = "macos")))]
#[test]
#[ignore = "needs a Secret Service on the session bus"]
fn the_systems_own_keychain_keeps_a_seed() {
    let home = tempfile::tempdir().unwrap();
    let around = Surroundings { forced: Some(Kind::Keychain), keychain: &keychain::system, ask: &|_| None };
    let mut secrets = Secrets::open(home.path(), &around).unwrap();
    secrets.put_device_seed(&SEED).unwrap();
    let secrets = Secrets::open(home.path(), &around).unwrap();
    assert_eq!(seed(&secrets), Some(SEED));
    let chosen = std::fs::read(home.path().join("secrets.json")).unwrap();
    secrets.remove_all().unwrap();
    std::fs::write(home.path().join("secrets.json"), chosen).unwrap();
    assert_eq!(seed(&Secrets::open(home.path(), &around).unwrap()), None);
}

#[test]
fn a_file_is_chosen_by_the_variable() {
    let scene = Scene::with_keychain();
    let mut secrets = scene.open(Some(Kind::File)).unwrap();
    secrets.put_device_seed(&SEED).unwrap();
    secrets.put_device_seed(&[2; 32]).unwrap();
    assert_eq!(seed(&scene.open(None).unwrap()), Some([2; 32]));
    assert_eq!(scene.files(), ["secrets", "secrets.json", "secrets/device"]);
    assert_eq!(scene.failed(Some(Kind::Keychain)), "secret-store-differs");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    // Something that a crash left, and others may read.
    let folder = scene.home.path().join("secrets");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("device.part"), "").unwrap();
    set_permissions(folder.join("device.part"), Permissions::from_mode(0o644)).unwrap();

    let mut secrets = scene.open(Some(Kind::File)).unwrap();
    secrets.put_device_seed(&SEED).unwrap();
    let file = folder.join("device");
    assert_eq!(metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!folder.join("device.part").exists());
    for mode in [0o640, 0o604, 0o620, 0o644] {
        set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let e = secrets.device_seed().map(|_| ()).unwrap_err();
        assert_eq!(e.code(), "secret-readable");
        assert!(e.help().contains("chmod 600") && e.to_string().contains("device"), "{e}");
    }
    set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    assert_eq!(seed(&secrets), Some(SEED));
}

#[test]
fn what_is_removed_is_gone() {
    for forced in [Kind::File, Kind::Keychain] {
        let scene = Scene::with_keychain();
        let mut secrets = scene.open(Some(forced)).unwrap();
        let key = Label::new("openai-1").unwrap();
        secrets.put_device_seed(&SEED).unwrap();
        secrets.put(&key, b"sk-1").unwrap();
        secrets.remove(&key).unwrap();
        secrets.remove(&key).unwrap();
        assert!(secrets.get(&key).unwrap().is_none());
        assert_eq!(seed(&secrets), Some(SEED));

        secrets.put(&key, b"sk-2").unwrap();
        let chosen = Chosen::read(scene.home.path()).unwrap().unwrap();
        scene.open(None).unwrap().remove_all().unwrap();
        assert_eq!(scene.files(), [""; 0]);
        // Also for who knows the names that the keychain had them under.
        chosen.write(scene.home.path()).unwrap();
        let secrets = scene.open(None).unwrap();
        assert!(secrets.get(&key).unwrap().is_none());
        assert_eq!(secrets.need_device_seed().map(|_| ()).unwrap_err().code(), "secret-missing");
    }
}

#[test]
fn damage_is_no_new_device() {
    let scene = Scene::new();
    let mut secrets = scene.open(Some(Kind::File)).unwrap();
    secrets.put(&Label::device(), &SEED[..31]).unwrap();
    let e = secrets.device_seed().map(|_| ()).unwrap_err();
    assert_eq!(e.code(), "secret-damaged");
    assert!(!format!("{e} {e:?} {secrets:?}").contains("a seed"));
    std::fs::write(scene.home.path().join("secrets.json"), "{").unwrap();
    assert_eq!(scene.failed(None), "secret-store-damaged");
}

#[test]
fn nothing_is_chosen_by_looking() {
    let scene = Scene::with_keychain();
    let keychain = || Err(keyring_core::Error::NoEntry);
    let around = Surroundings { forced: None, keychain: &keychain, ask: &|_| None };
    assert!(Secrets::open_if_chosen(scene.home.path(), &around).unwrap().is_none());
    assert_eq!(scene.files(), [""; 0]);
}

#[test]
fn labels_are_names_of_files() {
    for text in ["", ".", "..", "a/b", "A", "ä", "a.b", &"x".repeat(65)] {
        assert_eq!(Label::new(text), None, "{text}");
    }
    assert_eq!(Label::new("openai-1").unwrap().as_str(), "openai-1");
}
