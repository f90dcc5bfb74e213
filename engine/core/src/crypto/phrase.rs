//! The phrase: 24 words from which the keys follow that begin a workspace and recover it.

use std::fmt;

use bip39::Mnemonic;
use zeroize::Zeroizing;

use super::{Entropy, SecretKeys};

/// How many words a phrase has.
pub const WORDS: usize = 24;

/// Why words are no phrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// Not 24 words.
    #[error("a phrase has 24 words, these are {0}")]
    Words(usize),
    /// A word is not in the list. Counted from 1; the word itself is not repeated.
    #[error("word {0} is not in the list of words")]
    Unknown(usize),
    /// All words exist, and they don't belong together.
    #[error("the words don't fit together: one of them is another, or two have changed places")]
    Checksum,
}

/// A phrase (BIP 39, English). No device keeps it.
pub struct Phrase(Mnemonic);

impl Phrase {
    /// A new phrase.
    pub fn new(entropy: Entropy) -> Self {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(entropy.stream().bytes());
        match Mnemonic::from_entropy(&*bytes) {
            Ok(mnemonic) => Self(mnemonic),
            Err(_) => unreachable!("32 bytes are 24 words"),
        }
    }

    /// Reads the words as somebody types them: in any case, with any white space, or numbered as they were shown.
    ///
    /// # Errors
    /// Which word is wrong, without repeating it.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let is_number = |word: &&str| word.trim_end_matches(['.', ')', ':']).bytes().all(|b| b.is_ascii_digit());
        let words: Vec<Zeroizing<String>> =
            text.split_whitespace().filter(|w| !is_number(w)).map(|w| Zeroizing::new(w.to_lowercase())).collect();
        if words.len() != WORDS {
            return Err(PhraseError::Words(words.len()));
        }
        let joined = Zeroizing::new(words.iter().map(|w| w.as_str()).collect::<Vec<_>>().join(" "));
        Mnemonic::parse_in_normalized(bip39::Language::English, &joined).map(Self).map_err(|e| match e {
            bip39::Error::UnknownWord(at) => PhraseError::Unknown(at + 1),
            bip39::Error::BadWordCount(n) => PhraseError::Words(n),
            _ => PhraseError::Checksum,
        })
    }

    /// The words, to be shown once.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.words()
    }

    /// The keys that follow from it.
    pub fn keys(&self) -> SecretKeys {
        let (bytes, length) = self.0.to_entropy_array();
        let bytes = Zeroizing::new(bytes);
        let mut seed = Zeroizing::new([0; 32]);
        let length = length.min(seed.len());
        seed[..length].copy_from_slice(&bytes[..length]);
        SecretKeys::of_seed(*seed)
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(…)")
    }
}
