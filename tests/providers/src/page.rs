//! Page tokens: opaque, and good for the query that they came with alone.

use crate::base64;

/// Where a page begins, and when the query that it belongs to was asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Where all pages of that query end, so that none of them moves while the clock does.
    pub end: i64,
    /// The first instant of its first bucket.
    pub next: i64,
}

impl Page {
    /// As the text that a client hands back. The fields, their order and widths are those of OpenAI's tokens.
    pub(crate) fn token(self, fingerprint: u64) -> String {
        let mut bytes = self.end.to_be_bytes().to_vec();
        bytes.extend((fingerprint as u32).to_be_bytes());
        bytes.extend(self.next.to_be_bytes());
        format!("page_{}", base64::encode(&bytes))
    }

    /// Reads a token; none that another query came with.
    pub(crate) fn read(token: &str, fingerprint: u64) -> Option<Self> {
        let bytes = base64::decode(token.strip_prefix("page_")?)?;
        let (end, rest) = bytes.split_first_chunk()?;
        let (print, rest) = rest.split_first_chunk()?;
        let next = rest.try_into().ok()?;
        let known = u32::from_be_bytes(*print) == fingerprint as u32;
        known.then_some(Self { end: i64::from_be_bytes(*end), next: i64::from_be_bytes(next) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_query() {
        let page = Page { end: 1_732_691_409, next: 1_730_851_200 };
        let token = page.token(0x2225_d28e);
        assert_eq!(token, "page_AAAAAGdGxdEiJdKOAAAAAGcqsYA=");
        assert_eq!(Page::read(&token, 0x2225_d28e), Some(page));
        assert_eq!(Page::read(&token, 1), None);
        for wrong in ["", "page_", "page_AAAA", &token[1..], &token[..token.len() - 1], &format!("{token}A")] {
            assert_eq!(Page::read(wrong, 0x2225_d28e), None, "{wrong}");
        }
    }
}
