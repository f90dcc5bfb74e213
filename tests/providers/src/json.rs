//! JSON whose numbers are text: no amount of money passes through a float.

use std::fmt;

/// A JSON value. Objects keep their order, numbers their digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as its text. Nothing checks it: faults write what is none.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object with these members.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Text, or null.
    pub fn text_or_null(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }

    /// Adds a member to an object.
    pub fn insert(&mut self, name: &str, value: Self) {
        if let Self::Object(members) = self {
            members.push((name.to_owned(), value));
        }
    }

    /// The member of an object at a path: `metadata.has_more`.
    pub fn get(&self, path: &str) -> Option<&Self> {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let Self::Object(members) = self else { return None };
        let (_, value) = members.iter().find(|(known, _)| known == name)?;
        rest.map_or(Some(value), |rest| value.get(rest))
    }

    /// The items of an array; none of anything else.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The members of an object; none of anything else.
    pub fn members(&self) -> &[(String, Self)] {
        if let Self::Object(members) = self { members } else { &[] }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The digits of a number.
    pub fn number(&self) -> Option<&str> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// A number without a point.
    pub fn integer(&self) -> Option<i128> {
        self.number()?.parse().ok()
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        *self == Self::Bool(true)
    }

    /// Reads a whole document.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        let value = reader.value(0)?;
        reader.blanks();
        reader.rest.is_empty().then_some(value)
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Json {
            fn from(value: $integer) -> Self {
                Self::Number(value.to_string())
            }
        }
    )*};
}
from_integers!(i64 u64 i128 usize);

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::List(items)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => quote(f, text),
            Self::List(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if n > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (n, (name, value)) in members.iter().enumerate() {
                    f.write_str(if n > 0 { "," } else { "" })?;
                    quote(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quote(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if u32::from(c) < 0x20 => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

/// What remains to be read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
    }

    /// Skips `token` if it comes next.
    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        self.rest.strip_prefix(token).map(|rest| self.rest = rest).is_some()
    }

    fn value(&mut self, depth: u8) -> Option<Json> {
        if depth > 64 {
            return None;
        }
        if self.eat("{") {
            let members = self.list("}", |reader| {
                let name = reader.eat("\"").then(|| reader.string())??;
                reader.eat(":").then(|| reader.value(depth + 1))?.map(|value| (name, value))
            })?;
            return Some(Json::Object(members));
        }
        if self.eat("[") {
            return self.list("]", |reader| reader.value(depth + 1)).map(Json::List);
        }
        if self.eat("\"") {
            return self.string().map(Json::Text);
        }
        for (word, value) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.eat(word) {
                return Some(value);
            }
        }
        self.digits().map(Json::Number)
    }

    fn list<T>(&mut self, end: &str, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        if self.eat(end) {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(end) {
                return Some(items);
            }
            if !self.eat(",") {
                return None;
            }
        }
    }

    fn digits(&mut self) -> Option<String> {
        let end = self.rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        let unsigned = number.strip_prefix('-').unwrap_or(number);
        unsigned.starts_with(|c: char| c.is_ascii_digit()).then(|| number.to_owned())
    }

    /// A string whose opening quote is behind us.
    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let mut chars = self.rest.chars();
            match chars.next()? {
                '"' => {
                    self.rest = chars.as_str();
                    return Some(text);
                }
                '\\' => match chars.next()? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'u' => {
                        let code = u32::from_str_radix(chars.as_str().get(..4)?, 16).ok()?;
                        text.push(char::from_u32(code)?);
                        chars = chars.as_str().get(4..)?.chars();
                    }
                    c => text.push(c),
                },
                c => text.push(c),
            }
            self.rest = chars.as_str();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_with_every_digit() {
        let written = Json::object([
            ("value", Json::Number("0.00042714787262957543".into())),
            ("tiny", Json::Number("1.2e-05".into())),
            ("text", Json::from("a \"b\" \\ \u{1} ü")),
            ("list", Json::List(vec![Json::Null, true.into(), 7_u64.into(), Json::object([])])),
        ]);
        let text = written.to_string();
        assert_eq!(Json::parse(&text), Some(written.clone()));
        assert_eq!(written.get("value").and_then(Json::number), Some("0.00042714787262957543"));
    }

    #[test]
    fn a_path_leads_into_objects() {
        let json = Json::parse(r#"{"metadata": {"has_more": true, "page": 2}}"#).expect("json");
        assert!(json.get("metadata.has_more").is_some_and(Json::is_true));
        assert_eq!(json.get("metadata.page").and_then(Json::integer), Some(2));
        assert_eq!(json.get("metadata.none"), None);
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for wrong in ["", "{", "[1,]", "{\"a\"}", "NaN", "1 2", "\"a", "{\"a\":1,}", "-"] {
            assert_eq!(Json::parse(wrong), None, "{wrong}");
        }
    }
}
