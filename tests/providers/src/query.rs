//! What a request asks for, and nothing beyond what its endpoint knows.

use std::collections::BTreeMap;

use crate::refusal::Refusal;

/// How a provider wants lists: a name for each item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lists {
    /// `group_by=a&group_by=b`, or with brackets.
    Either,
    /// `group_by[]=a&group_by[]=b` alone.
    Brackets,
}

/// Which parameters an endpoint has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    /// Those that may stand there once.
    pub one: &'static [&'static str],
    /// Those that may stand there several times.
    pub many: &'static [&'static str],
    /// How the latter are written.
    pub lists: Lists,
}

/// A request's parameters, each known to its endpoint.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// Values by name, decoded.
    values: BTreeMap<String, Vec<String>>,
    /// Values by name as they were sent, for what must come back byte for byte.
    sent: BTreeMap<String, String>,
}

impl Query {
    /// Reads what was sent, and refuses what `spec` does not know.
    pub(crate) fn read(raw: &str, spec: Spec) -> Result<Self, Refusal> {
        let mut query = Self::default();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let bad = || Refusal::bad(name, format!("The query parameter {name} is not encoded as it must be."));
            let (name, decoded) = (decode(name).ok_or_else(bad)?, decode(value).ok_or_else(bad)?);
            let known = spec.name(&name).ok_or_else(|| {
                Refusal::bad(&name, format!("Unknown parameter: '{name}'.")).coded("unknown_parameter")
            })?;
            let values = query.values.entry(known.to_owned()).or_default();
            if !values.is_empty() && spec.one.contains(&known) {
                return Err(Refusal::bad(known, format!("The parameter '{known}' is given more than once.")));
            }
            if values.contains(&decoded) {
                return Err(Refusal::bad(known, format!("'{known}' names '{decoded}' more than once.")));
            }
            values.push(decoded);
            query.sent.insert(known.to_owned(), value.to_owned());
        }
        Ok(query)
    }

    /// The value of a parameter that stands there at most once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.first().map(String::as_str)
    }

    /// That value before it was decoded.
    pub(crate) fn sent(&self, name: &str) -> Option<&str> {
        self.sent.get(name).map(String::as_str)
    }

    /// All values of a parameter.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether what `value` says is asked for: of no interest, or one of those that are named.
    pub(crate) fn lets(&self, name: &str, value: Option<&str>) -> bool {
        let asked = self.all(name);
        asked.is_empty() || value.is_some_and(|value| asked.iter().any(|one| one == value))
    }

    /// A whole number, if it is given.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.one(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
        let wrong = || Refusal::bad(name, format!("Invalid '{name}': expected an integer, got '{text}'."));
        number.map(Some).ok_or_else(wrong)
    }

    /// `true` or `false`, if it is given.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.one(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Refusal::bad(name, format!("Invalid '{name}': expected a boolean, got '{other}'."))),
        }
    }

    /// Values of a list, each one of those that are allowed.
    pub(crate) fn among(&self, name: &str, allowed: &[&'static str]) -> Result<Vec<&'static str>, Refusal> {
        let known = |value: &String| allowed.iter().copied().find(|known| known == value);
        let wrong = |value: &String| {
            Refusal::bad(name, format!("Invalid value: '{value}'. Supported values are: {}.", allowed.join(", ")))
        };
        self.all(name).iter().map(|value| known(value).ok_or_else(|| wrong(value))).collect()
    }

    /// A number that differs for every other query at any path of any organization.
    pub(crate) fn fingerprint(&self, place: &[&str]) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |text: &str| {
            for byte in text.bytes().chain([0]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        place.iter().for_each(|part| add(part));
        for (name, values) in self.values.iter().filter(|(name, _)| *name != "page") {
            add(name);
            let mut values: Vec<&String> = values.iter().collect();
            values.sort();
            values.into_iter().for_each(|value| add(value));
        }
        hash
    }
}

impl Spec {
    fn name(self, sent: &str) -> Option<&'static str> {
        let bare = sent.strip_suffix("[]");
        let many = match (self.lists, bare) {
            (_, Some(bare)) => self.many.iter().find(|known| **known == bare),
            (Lists::Either, None) => self.many.iter().find(|known| **known == sent),
            (Lists::Brackets, None) => None,
        };
        many.or_else(|| self.one.iter().find(|known| **known == sent)).copied()
    }
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (rest.next()?, rest.next()?);
                let digit = |byte: u8| char::from(byte).to_digit(16);
                u8::try_from(digit(high)? * 16 + digit(low)?).ok()?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec = Spec { one: &["limit", "page"], many: &["group_by"], lists: Lists::Either };

    #[test]
    fn lists_are_collected_and_values_decoded() {
        let query = Query::read("group_by=model&group_by[]=project_id&limit=7&page=a%3D", SPEC).expect("query");
        assert_eq!(query.all("group_by"), ["model", "project_id"]);
        assert_eq!(query.integer("limit").expect("number"), Some(7));
        assert_eq!((query.one("page"), query.sent("page")), (Some("a="), Some("a%3D")));
        let escaped = Query::read("group_by%5B%5D=model", SPEC).expect("query");
        assert_eq!(escaped.all("group_by"), ["model"]);
    }

    #[test]
    fn what_is_unknown_repeated_or_broken_is_refused() {
        for wrong in ["limit=1&limit=2", "limits=1", "limit[]=1", "group_by=a&group_by=a", "limit=%zz", "limit=%"] {
            assert_eq!(Query::read(wrong, SPEC).expect_err(wrong).status, 400, "{wrong}");
        }
        let brackets = Spec { lists: Lists::Brackets, ..SPEC };
        assert!(Query::read("group_by=model", brackets).is_err());
        assert!(Query::read("group_by[]=model", brackets).is_ok());
        for wrong in ["limit=+1", "limit=1.0", "limit=", "limit=01"] {
            assert!(Query::read(wrong, SPEC).expect("query").integer("limit").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fingerprint_knows_the_query_without_its_page() {
        let of = |raw: &str| Query::read(raw, SPEC).expect("query").fingerprint(&["org", "/path"]);
        assert_eq!(of("limit=7&group_by=a&group_by=b"), of("group_by=b&group_by=a&limit=7&page=x"));
        assert_ne!(of("limit=7"), of("limit=8"));
        assert_ne!(of("limit=7"), Query::read("limit=7", SPEC).expect("query").fingerprint(&["other", "/path"]));
    }
}
