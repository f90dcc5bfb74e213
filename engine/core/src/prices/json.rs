//! JSON with line numbers and numbers as text: a price must not pass through floating point, and an
//! error must say where it is.

/// A value and the line that it begins on.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Object(Vec<(Key, Node)>),
    List(Vec<Node>),
    Text(String),
    /// As it is written.
    Number(String),
    /// `true`, `false`, `null`.
    Word,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Key {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Where a text stops being JSON, and what was expected there.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) expected: &'static str,
}

const DEPTH: usize = 16;

pub(super) fn parse(text: &str) -> Result<Node, Broken> {
    let mut reader = Reader { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0, line: 1 };
    let node = reader.node(0)?;
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.broken("the end of the file")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Reader<'_> {
    fn broken(&self, expected: &'static str) -> Broken {
        Broken { line: self.line, expected }
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at).copied() {
            match byte {
                b'\n' => self.line += 1,
                b' ' | b'\t' | b'\r' => {}
                _ => return Some(byte),
            }
            self.at += 1;
        }
        None
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn node(&mut self, depth: usize) -> Result<Node, Broken> {
        if depth > DEPTH {
            return Err(self.broken("fewer brackets within brackets"));
        }
        let first = self.peek();
        let line = self.line;
        let value = match first {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.run().to_owned()),
            Some(b't' | b'f' | b'n') if ["true", "false", "null"].contains(&self.run()) => Value::Word,
            _ => return Err(self.broken("a value: text in quotes, a number, { or [")),
        };
        Ok(Node { line, value })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut members = Vec::new();
        self.eat(b'{');
        if self.eat(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.broken("a name in quotes (no comma before })"));
            }
            let key = Key { line: self.line, text: self.string()? };
            if !self.eat(b':') {
                return Err(self.broken("a colon"));
            }
            members.push((key, self.node(depth + 1)?));
            if self.eat(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.eat(b',') {
                return Err(self.broken("a comma or }"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut items = Vec::new();
        self.eat(b'[');
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.node(depth + 1)?);
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.broken("a comma or ]"));
            }
        }
    }

    fn string(&mut self) -> Result<String, Broken> {
        let from = self.at;
        let mut escaped = false;
        for (n, byte) in self.text.as_bytes()[from..].iter().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.at = from + n + 1;
                    return serde_json::from_str(&self.text[from..self.at]).map_err(|_| self.broken("text in quotes"));
                }
                b'\n' => break,
                _ => {}
            }
        }
        Err(self.broken("a closing quote on the same line"))
    }

    /// The letters, digits and signs from here on.
    fn run(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}
