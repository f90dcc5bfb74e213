//! Base64 with the alphabet that is safe in URLs, padded: what page tokens are written in.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = (at(0) << 16) | (at(1) << 8) | at(2);
        for n in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * n)) as usize & 63];
            text.push(if n > three.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

/// Text as bytes, if it is what [`encode`] writes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let letters = four.iter().take_while(|letter| **letter != b'=').count();
        let mut bits = 0_u32;
        for letter in four.iter().take(letters) {
            bits = (bits << 6) | ALPHABET.iter().position(|known| known == letter)? as u32;
        }
        bits <<= 6 * (4 - letters);
        bytes.extend(bits.to_be_bytes().iter().skip(1).take(letters.saturating_sub(1)));
    }
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read_and_nothing_else() {
        for n in 0..40_u8 {
            let bytes: Vec<u8> = (0..n).map(|i| i.wrapping_mul(97) ^ 0xa5).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
        assert_eq!(encode(b"2025-05-14T00:00:00Z"), "MjAyNS0wNS0xNFQwMDowMDowMFo=");
        for wrong in ["MjA", "MjA*", "====", "MjB=="] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
