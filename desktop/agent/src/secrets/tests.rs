#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{CredentialStore, Entry, mock};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::sealed::{DataKey, Lock};
use super::*;

const SEED: [u8; 32] = *b"a seed that nobody else may see!";

/// Nobody knows a passphrase.
fn speechless() -> Result<(SecretString, bool)> {
    Err(PassphraseError::Needed.into())
}

/// A home, a keychain that may be there, and a person who may be there.
struct Scene {
    home: TempDir,
    keychain: Option<Arc<mock::Store>>,
    says: Option<bool>,
    asked: Cell<u32>,
    /// What is said, one after the other, where a passphrase is asked for; the last one for good.
    passphrases: RefCell<Vec<&'static str>>,
    /// What a process keeps.
    kept: RefCell<Kept>,
}

impl Scene {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            keychain: None,
            says: None,
            asked: Cell::new(0),
            passphrases: RefCell::default(),
            kept: RefCell::default(),
        }
    }

    fn with_keychain() -> Self {
        Self { keychain: Some(mock::Store::new().unwrap()), ..Self::new() }
    }

    fn open(&self, forced: Option<Kind>) -> Result<Secrets> {
        let keychain = || match &self.keychain {
            Some(store) => Ok(Arc::<mock::Store>::clone(store) as Arc<CredentialStore>),
            None => Err(keyring_core::Error::PlatformFailure("nobody on the bus".into())),
        };
        let ask = |_: &str| {
            self.asked.set(self.asked.get() + 1);
            self.says
        };
        let passphrase = || {
            self.asked.set(self.asked.get() + 1);
            let mut said = self.passphrases.borrow_mut();
            let next = if said.len() > 1 { said.remove(0) } else { said.first().copied().unwrap_or_default() };
            if next.is_empty() { speechless() } else { Ok((SecretString::from(next), true)) }
        };
        let kept = self.kept.borrow();
        let around = Surroundings { forced, keychain: &keychain, ask: &ask, passphrase: &passphrase, kept: &kept };
        Secrets::open(self.home.path(), &around)
    }

    /// Another process, to which this is said; the last of it as often as it asks.
    fn told(&self, passphrases: &[&'static str]) -> Result<Secrets> {
        self.kept.take();
        *self.passphrases.borrow_mut() = passphrases.to_vec();
        self.open(None)
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
    let kept = Kept::new();
    let around = Surroundings { forced: None, keychain: &keychain, ask: &ask, passphrase: &speechless, kept: &kept };
    assert_eq!(Secrets::open(scene.home.path(), &around).unwrap().kind(), Kind::File);
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
    let kept = Kept::new();
    let around =
        Surroundings { forced: None, keychain: &keychain, ask: &|_| None, passphrase: &speechless, kept: &kept };
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

/// Cheap enough for many tests.
const CHEAP: Costs = Costs { memory_kib: 64, passes: 1, lanes: 1 };
const KEY: &[u8] = b"sk-admin-a key of a provider";

fn said(text: &str) -> SecretString {
    SecretString::from(text)
}

/// A scene with two secrets in files, and its folder of secrets.
fn with_two() -> (Scene, PathBuf, Label) {
    let scene = Scene::new();
    let mut secrets = scene.open(Some(Kind::File)).unwrap();
    let key = Label::new("key-1").unwrap();
    secrets.put_device_seed(&SEED).unwrap();
    secrets.put(&key, KEY).unwrap();
    let folder = scene.home.path().join("secrets");
    (scene, folder, key)
}

/// Both secrets are there, and nothing of them lies in clear.
fn both(secrets: &Secrets, key: &Label) {
    assert_eq!(seed(secrets), Some(SEED));
    assert_eq!(secrets.get(key).unwrap().unwrap().expose_secret(), KEY);
}

fn clear(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let has = |what: &[u8]| bytes.windows(8).any(|w| what.windows(8).any(|s| s == w));
        if has(&SEED) || has(KEY) || has(b"open sesame") {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn a_passphrase_is_put_on_changed_and_taken_off() {
    let (scene, folder, key) = with_two();
    // What a crash has left in clear goes as well.
    std::fs::write(folder.join("key-1.part"), KEY).unwrap();
    scene.open(None).unwrap().protect_at(&said("open sesame"), CHEAP).unwrap();
    assert_eq!(clear(&folder), [""; 0]);
    assert_eq!(scene.files().len(), 5, "{:?}", scene.files());

    let mut secrets = scene.told(&["open sesame"]).unwrap();
    assert!(secrets.is_protected());
    both(&secrets, &key);
    let other = Label::new("key-2").unwrap();
    secrets.put(&other, KEY).unwrap();
    assert_eq!(clear(&folder), [""; 0]);
    let asked = scene.asked.get();
    both(&scene.open(None).unwrap(), &key);
    assert_eq!(scene.asked.get(), asked, "a process asks once");

    secrets.protect_at(&said("open barley"), CHEAP).unwrap();
    assert_eq!(scene.told(&["open sesame"]).map(|_| ()).unwrap_err().code(), "passphrase-wrong");
    let mut secrets = scene.told(&["open sesame", "open barley"]).unwrap();
    both(&secrets, &key);
    secrets.unprotect().unwrap();
    assert!(!folder.join("passphrase.lock").exists());
    let secrets = scene.told(&[""]).unwrap();
    both(&secrets, &key);
    assert_eq!(clear(&folder), ["device", "key-1", "key-2"]);
}

#[test]
fn a_wrong_passphrase_changes_nothing() {
    let (scene, folder, key) = with_two();
    scene.open(None).unwrap().protect_at(&said("open sesame"), CHEAP).unwrap();
    let before = bytes(&folder);
    let asked = scene.asked.get();
    let e = scene.told(&["wrong"]).map(|_| ()).unwrap_err();
    assert_eq!((e.code(), scene.asked.get() - asked), ("passphrase-wrong", 3));
    let e = scene.told(&[""]).map(|_| ()).unwrap_err();
    assert!(e.code() == "passphrase-needed" && e.to_string().contains("AIMON_PASSPHRASE_FILE"), "{e}");
    assert_eq!(bytes(&folder), before);
    // Whoever only removes needs none.
    scene.kept.take();
    let kept = Kept::new();
    let keychain = || Err(keyring_core::Error::NoEntry);
    let around =
        Surroundings { forced: None, keychain: &keychain, ask: &|_| None, passphrase: &speechless, kept: &kept };
    let mut shut = Secrets::open_if_chosen(scene.home.path(), &around).unwrap().unwrap();
    assert_eq!(shut.get(&key).map(|_| ()).unwrap_err().code(), "passphrase-needed");
    assert_eq!(shut.put(&key, b"in clear").unwrap_err().code(), "passphrase-needed");
    assert_eq!(shut.protect_at(&said("another one"), CHEAP).unwrap_err().code(), "passphrase-needed");
    assert_eq!(bytes(&folder), before);
    shut.remove(&key).unwrap();
    shut.remove_all().unwrap();
    assert_eq!(scene.files(), [""; 0]);
}

fn bytes(folder: &Path) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// One file after the other: whenever it ends, all is there, and doing it again ends it.
#[test]
fn an_interruption_at_any_file_loses_nothing() {
    let (scene, folder, key) = with_two();
    let plain = bytes(&folder);
    scene.open(None).unwrap().protect_at(&said("open sesame"), CHEAP).unwrap();
    let sealed = bytes(&folder);
    let lock = Lock::parse(sealed[&folder.join("passphrase.lock")].clone()).unwrap();
    assert!(lock.are_all_sealed());
    let on_its_way = lock.with_all_sealed(false).bytes().to_vec();
    let files: Vec<PathBuf> = plain.keys().cloned().collect();
    for done in 0..=files.len() {
        for taking_off in [false, true] {
            for (n, path) in files.iter().enumerate() {
                let is_plain = (n < done) == taking_off;
                std::fs::write(path, &(if is_plain { &plain } else { &sealed })[path]).unwrap();
            }
            std::fs::write(folder.join("device.part"), &SEED[..20]).unwrap();
            std::fs::write(folder.join("passphrase.lock"), &on_its_way).unwrap();
            let mut secrets = scene.told(&["open sesame"]).unwrap();
            both(&secrets, &key);
            match taking_off {
                false => secrets.protect_at(&said("open sesame"), CHEAP).unwrap(),
                true => secrets.unprotect().unwrap(),
            }
            assert_eq!(clear(&folder).len(), if taking_off { 2 } else { 0 });
            both(&scene.told(&["open sesame"]).unwrap(), &key);
            assert_eq!(scene.open(None).unwrap().is_protected(), !taking_off);
        }
    }
}

#[test]
fn any_byte_that_is_another_is_noticed() {
    let (scene, folder, key) = with_two();
    scene.open(None).unwrap().protect_at(&said("open sesame"), CHEAP).unwrap();
    let opened = || {
        let secrets = scene.told(&["open sesame"])?;
        secrets.get(&key).map(|secret| secret.map(|secret| secret.expose_secret().to_vec()))
    };
    assert_eq!(opened().unwrap().unwrap(), KEY);
    let whole_key = std::fs::read(folder.join("key-1")).unwrap();
    for name in ["passphrase.lock", "key-1"] {
        let path = folder.join(name);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 0x10;
            std::fs::write(&path, other).unwrap();
            let e = opened().map(|_| ()).unwrap_err();
            assert!(matches!(e.code(), "passphrase-damaged" | "passphrase-newer"), "{name} {at}: {e}");
        }
        for length in 8..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(opened().map(|_| ()).unwrap_err().code(), "passphrase-damaged", "{name} {length}");
        }
        std::fs::write(&path, whole).unwrap();
    }
    // Nor does one that somebody put there in clear.
    std::fs::write(folder.join("key-1"), KEY).unwrap();
    assert_eq!(opened().map(|_| ()).unwrap_err().code(), "passphrase-damaged");
    std::fs::write(folder.join("key-1"), &whole_key).unwrap();
    // Nor one secret for another.
    std::fs::copy(folder.join("key-1"), folder.join("device")).unwrap();
    let secrets = scene.told(&["open sesame"]).unwrap();
    assert_eq!(secrets.device_seed().map(|_| ()).unwrap_err().code(), "passphrase-damaged");
}

/// What was written once is read for good, and takes what it is said to take. Both were computed by another program.
#[test]
fn the_lock_is_frozen() {
    let key = DataKey::new([7; 8], Zeroizing::new([9; 32]));
    let lock = Lock::new(&key, b"open sesame", CHEAP, [1; 16], [2; 24]).unwrap();
    assert_eq!(
        (lock.bytes().len(), blake3::hash(lock.bytes()).to_hex().as_str()[..16].to_owned()),
        (125, "f000b78f52944fd8".to_owned())
    );
    let sealed = key.seal(&Label::device(), &SEED, [3; 24]).unwrap();
    assert_eq!(blake3::hash(&sealed).to_hex().as_str()[..16], *"7ca7705f05bf74ef");
    assert_eq!(Lock::parse(lock.bytes().to_vec()).unwrap().costs(), CHEAP);
    assert_eq!(Costs::DEFAULT, Costs { memory_kib: 65536, passes: 3, lanes: 4 });
}
