//! The text that Prometheus reads: its format 0.0.4.
//!
//! Written here, because libraries for it keep floats, and amounts have more digits than a float; and because a model's name can have
//! anything in it: the format's three escapes are kept to the letter.

use std::fmt::{Display, Write};

/// How it is announced.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family's values mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// They grow, or begin anew.
    Counter,
    /// They are as they are now.
    Gauge,
}

/// Families of samples, as text.
#[derive(Clone, Default, Debug)]
pub struct Exposition(String);

impl Exposition {
    /// Adds a family; one without samples leaves no trace.
    pub fn family<V: Display>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, V)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        for (labels, value) in samples {
            self.line(format_args!("{name}{labels} {value}"));
        }
    }

    /// The text.
    pub fn text(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A text takes all that is written to it.
        let _ = writeln!(self.0, "{line}");
    }
}

/// The labels of a sample. One without a value is none: the format takes both for the same.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Labels(Vec<(&'static str, String)>);

impl Labels {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if !value.is_empty() {
            self.0.push((name, value.to_owned()));
        }
        self
    }
}

impl Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = |(name, value): &(&str, String)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        };
        match self.0.is_empty() {
            true => Ok(()),
            false => write!(f, "{{{}}}", self.0.iter().map(one).collect::<Vec<_>>().join(",")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_has_in_it_stays_in_it() {
        let mut text = Exposition::default();
        let labels = |model| Labels::none().with("model", model).with("empty", "");
        text.family(
            "a_total",
            Kind::Counter,
            "of \\ \"and\"\nso on",
            [(labels("a\"b\n\\n"), "0.000000000001".to_owned()), (labels("a}\u{1f980}\r"), "2".to_owned())],
        );
        text.family("b", Kind::Gauge, "bare", [(Labels::none(), 3)]);
        text.family("c", Kind::Gauge, "of nothing", Vec::<(Labels, u64)>::new());
        let expected = "# HELP a_total of \\\\ \"and\"\\nso on\n# TYPE a_total counter\n\
                        a_total{model=\"a\\\"b\\n\\\\n\"} 0.000000000001\na_total{model=\"a}\u{1f980}\r\"} 2\n\
                        # HELP b bare\n# TYPE b gauge\nb 3\n";
        assert_eq!(text.text(), expected);
    }
}
