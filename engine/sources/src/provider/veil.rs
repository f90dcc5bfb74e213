//! What was sent and must not come back: a server, or a proxy on the way, may repeat a key in what it says, and that is shown, noted and
//! recorded. So it is taken out of all that comes before anybody reads it.

use memchr::memmem;
use reqwest::header::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret, SecretString};

use super::failure::shortened;

/// What stands in the place of a secret.
const VEILED: &[u8] = b"***";

/// Hides one secret.
pub(super) struct Veil<'a>(&'a SecretString);

impl<'a> Veil<'a> {
    pub(super) fn over(secret: &'a SecretString) -> Self {
        Self(secret)
    }

    fn needle(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        !self.needle().is_empty() && memmem::find(bytes, self.needle()).is_some()
    }

    /// Whether it is in a JSON text with some of its characters escaped: whoever reads that has it again.
    pub(super) fn is_escaped_in(&self, json: &[u8]) -> bool {
        json.contains(&b'\\') && self.is_in(&unescaped(json))
    }

    /// Bytes without it.
    pub(super) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        if !self.is_in(&bytes) {
            return bytes;
        }
        let (mut clean, mut at) = (Vec::with_capacity(bytes.len()), 0);
        for found in memmem::find_iter(&bytes, self.needle()) {
            clean.extend_from_slice(bytes.get(at..found).unwrap_or_default());
            clean.extend_from_slice(VEILED);
            at = found + self.needle().len();
        }
        clean.extend_from_slice(bytes.get(at..).unwrap_or_default());
        clean
    }

    /// A text without it, as it may be shown. First the whole secret goes, then the text is cut: half a secret would be found by nobody.
    pub(super) fn shown(&self, text: &str) -> String {
        shortened(String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())))
    }

    /// Headers without those that hold it.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        let holds = |(name, value): (&HeaderName, &reqwest::header::HeaderValue)| {
            self.is_in(value.as_bytes()).then(|| name.clone())
        };
        let found: Vec<HeaderName> = headers.iter().filter_map(holds).collect();
        found.into_iter().for_each(|name| drop(headers.remove(name)));
    }
}

/// A JSON text with its escapes undone. A secret is ASCII: what others stand for is nothing to it.
fn unescaped(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        let hex = rest.get(1..5).and_then(|hex| std::str::from_utf8(hex).ok()).filter(|_| rest.first() == Some(&b'u'));
        match (hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()), rest.split_first()) {
            (Some(number), _) => {
                out.push(u8::try_from(number).unwrap_or(b'?'));
                rest = rest.get(5..).unwrap_or_default();
            }
            (None, Some((escaped, behind))) => {
                out.push(*escaped);
                rest = behind;
            }
            (None, None) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_secret_comes_back_nowhere() {
        let secret = SecretString::from("sk-admin-needle");
        let veil = Veil::over(&secret);
        let clean = |text: &str| String::from_utf8(veil.bytes(text.as_bytes().to_vec())).unwrap();
        assert_eq!(clean("sk-admin-needlesk-admin-needle, sk-admin-need"), "******, sk-admin-need");
        assert_eq!(clean(""), "");
        // Cut first, it would end within the secret.
        let said = veil.shown(&format!("{} sk-admin-needle", "x".repeat(110)));
        assert!(said.ends_with("x ***"), "{said}");
        for hidden in [r#"{"a":"\u0073k-admin-needle"}"#, r#""\\sk\u002dadmin-needl\u0065"#, r#""sk-admin-n\eedle""#] {
            assert!(veil.is_escaped_in(hidden.as_bytes()), "{hidden}");
        }
        for other in ["", "\\", r"\u", r"\u00", r"\u00e", r#""\u0073k-admin-needl""#, "sk-admin-needle"] {
            assert!(!veil.is_escaped_in(other.as_bytes()), "{other}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", "Bearer sk-admin-needle".parse().unwrap());
        headers.insert("x-other", "1".parse().unwrap());
        veil.headers(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
        let none = SecretString::from("");
        assert_eq!(Veil::over(&none).shown("as it is"), "as it is");
    }
}
