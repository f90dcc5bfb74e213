//! What numbers and ids look like in every log.

/// Beyond this a number was not counted by anybody: 2⁵³, where JavaScript's integers end.
pub(crate) const MOST: u64 = 1 << 53;

/// Whether an id was made at random, so that it means the same call wherever it stands.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_length_and_its_dashes() {
        assert!(is_uuid("2f1c0d3e-0000-4000-8000-00000000000F"));
        for other in [
            "",
            "msg-1",
            "2f1c0d3e-0000-4000-8000-00000000000",
            "2f1c0d3e-0000-4000-8000-0000000000000",
            "2f1c0d3e00000-4000-8000-000000000000",
            "2f1c0d3e-0000-4000-8000-00000000000g",
        ] {
            assert!(!is_uuid(other), "{other}");
        }
    }
}
