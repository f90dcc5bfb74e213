//! The names of files and folders. Only the one spelling that is written here is read.

use aimon_ledger::ids::unhex;
use aimon_ledger::time::UtcDay;

/// The folder of what has no day.
const NO_DAY: &str = "settings";

/// An id: 64 lower-case hexadecimal digits.
pub(super) fn id(name: &str) -> Option<[u8; 32]> {
    unhex(name)
}

/// A day's folder: its date. A day outside of the years 0 to 9999 has none, and stands as its number, `day-800000000`.
pub(super) fn of_day(day: Option<UtcDay>) -> String {
    let Some(day) = day else { return NO_DAY.to_owned() };
    match day.date() {
        Some(date) if (0..=9999).contains(&date.year()) => date.to_string(),
        _ => format!("day{}", day.0),
    }
}

/// The day of a folder.
pub(super) fn day(name: &str) -> Option<Option<UtcDay>> {
    let day = match name.strip_prefix("day") {
        _ if name == NO_DAY => None,
        Some(number) => Some(UtcDay(number.parse().ok()?)),
        None => Some(UtcDay::of(name.parse().ok()?)),
    };
    (of_day(day) == name).then_some(day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_have_one_name() {
        assert_eq!(of_day(Some(UtcDay(20781))), "2026-11-24");
        assert_eq!(of_day(None), "settings");
        for name in [
            "2026-11-24T00",
            "2026-1-2",
            "20261124",
            "+2026-11-24",
            "day20781",
            "day+5",
            "day",
            "Settings",
            "",
            "..",
            ".",
        ] {
            assert_eq!(day(name), None, "{name}");
        }
    }

    #[test]
    fn ids_have_one_name() {
        let name = aimon_ledger::ids::ChunkId([0xab; 32]).to_string();
        assert_eq!(id(&name), Some([0xab; 32]));
        for other in
            [&name[1..], &name.to_uppercase(), &format!("{name} "), &format!("{name}.part"), &name.replace("ab", "zz")]
        {
            assert_eq!(id(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_day_has_a_name_that_reads_back(n in any::<i32>()) {
            let name = of_day(Some(UtcDay(n)));
            prop_assert_eq!(day(&name), Some(Some(UtcDay(n))));
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{}", name);
        }

        /// What is read as a name is one step down: no name leads anywhere else.
        #[test]
        fn no_name_leads_out(name in "[./\\\\:a-f0-9-]{0,12}|\\PC{0,70}|[0-9a-f]{64}|-?[0-9]{1,5}-[0-9]{2}-[0-9]{2}") {
            for known in [id(&name).is_some(), day(&name).is_some()] {
                if known {
                    let steps: Vec<_> = std::path::Path::new(&name).components().collect();
                    prop_assert!(matches!(steps[..], [std::path::Component::Normal(_)]), "{}", name);
                }
            }
        }
    }
}
