//! Durations as people say them: `0.8 s`, `12 s`, `2 min 31 s`.

use std::time::Duration;

/// How long something took.
pub fn spoken(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    let seconds = (duration.as_millis() + 500) / 1000;
    match seconds {
        0..10 => format!("{}.{} s", tenths / 10, tenths % 10),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_its_form() {
        for (millis, words) in [
            (0, "0.0 s"),
            (840, "0.8 s"),
            (9_970, "10 s"),
            (59_400, "59 s"),
            (59_500, "1 min 00 s"),
            (151_000, "2 min 31 s"),
        ] {
            assert_eq!(spoken(Duration::from_millis(millis)), words, "{millis} ms");
        }
    }
}
