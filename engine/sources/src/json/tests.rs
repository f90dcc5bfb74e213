#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::Value as Tree;

use super::{JsonError, KeyOrder, Kind, Scanner};

/// Reads everything with the scanner, as `serde_json` would.
fn tree(s: &mut Scanner<'_>) -> Result<Tree, JsonError> {
    match s.kind()? {
        Kind::Object => {
            let mut map = serde_json::Map::new();
            s.object(|s, key| {
                let key = String::from_utf8(key.to_vec()).map_err(|_| JsonError::Unexpected(0))?;
                map.insert(key, tree(s)?);
                Ok(())
            })?;
            Ok(Tree::Object(map))
        }
        Kind::Array => {
            let mut list = Vec::new();
            s.array(|s| {
                list.push(tree(s)?);
                Ok(())
            })?;
            Ok(Tree::Array(list))
        }
        Kind::String => Ok(Tree::String(s.value()?.str().ok_or(JsonError::Unexpected(0))?.into_owned())),
        Kind::Null => {
            assert!(s.value()?.is_null());
            Ok(Tree::Null)
        }
        Kind::Bool => Ok(Tree::Bool(s.value()?.bool().ok_or(JsonError::Unexpected(0))?)),
        Kind::Number => {
            let value = s.value()?;
            Ok(match value.u64() {
                Some(n) => n.into(),
                None => serde_json::from_slice(value.raw()).map_err(|_| JsonError::Unexpected(0))?,
            })
        }
    }
}

fn read(bytes: &[u8]) -> Result<Tree, JsonError> {
    let mut s = Scanner::new(bytes);
    let tree = tree(&mut s)?;
    s.end()?;
    Ok(tree)
}

fn skips(bytes: &[u8]) -> bool {
    let mut s = Scanner::new(bytes);
    s.skip().and_then(|()| s.end()).is_ok()
}

/// The input with the inside of every string made plain, by a walk that shares nothing with the
/// scanner; `None` where a string does not close.
fn plain(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = bytes.iter();
    while let Some(b) = rest.next() {
        out.push(*b);
        if *b == b'"' {
            loop {
                match rest.next()? {
                    b'\\' => drop(rest.next()?),
                    b'"' => break,
                    _ => {}
                }
            }
            out.push(b'"');
        }
    }
    Some(out)
}

fn check(bytes: &[u8]) {
    let theirs = serde_json::from_slice::<Tree>(bytes);
    let ours = read(bytes);
    let text = String::from_utf8_lossy(bytes);
    match theirs {
        Ok(theirs) => {
            assert_eq!(ours.as_ref(), Ok(&theirs), "{text}");
            assert!(skips(bytes), "{text}");
        }
        Err(_) => {
            // IgnoredAny has neither a limit of depth nor a range of numbers.
            let structure = plain(bytes).is_some_and(|p| serde_json::from_slice::<serde::de::IgnoredAny>(&p).is_ok());
            assert_eq!(skips(bytes), structure, "{text}");
        }
    }
}

#[test]
fn hand_picked_lines() {
    for line in [
        "",
        " ",
        "{}",
        "[]",
        "{",
        "}",
        "[1",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" : 1 }",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1}{",
        "{\"a\":1} x",
        "nul",
        "null",
        "nulll",
        "tru",
        "truex",
        "[true,false,null]",
        "0",
        "-",
        "-0",
        "00",
        "01",
        "1.",
        ".5",
        "1.5",
        "1e",
        "1e5",
        "1E+5",
        "1e-",
        "-1",
        "+1",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "\"",
        "\"\\\"",
        "\"\\",
        "\"a\\u0041\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\x\"",
        "\"\\u00\"",
        "\"\u{1}\"",
        "{\"a\":1,\"a\":{\"b\":2}}",
        "{\"us\\u0061ge\":1}",
        "{\"\\ud83d\":1}",
        "\u{feff}{}",
        "{'a':1}",
        "{1:2}",
        "[1 2]",
        "[}",
        "{]",
        "[{]}",
        "{\"a\":[}",
        "\r\n\t {\"a\"\t:\n[ ]\r}\n",
        "NaN",
        "[1]]",
        "\"\\u12",
        "{\"a\":\"\\\\\"}",
        "\"\\uD800\\uE000\"",
        "\"\\uDC00\"",
        "\"\\/\\b\\f\\n\\r\\t\"",
        "{\"a\":\"b\",}",
        "[\"a\",\"b\"",
        "\u{0}",
    ] {
        check(line.as_bytes());
    }
    check(b"\"\xff\"");
    check(b"{\"\xff\":1}");
}

#[test]
fn only_the_structural_place_counts() {
    let line = br#"{"content":"{\"usage\":{\"input_tokens\":1}}","o":{"usage":2},"us\u0061ge":3}"#;
    let mut found = Vec::new();
    let mut s = Scanner::new(line);
    s.object(|s, key| {
        if key == b"usage" {
            found.push(s.value()?.u64());
        }
        Ok(())
    })
    .unwrap();
    s.end().unwrap();
    assert_eq!(found, [Some(3)]);
}

#[test]
fn deep_nesting_takes_no_stack() {
    for depth in [127, 128, 129, 255, 256, 257, 1_000_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let whole = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert!(skips(whole.as_bytes()), "{depth} {open}");
            assert!(!skips(&whole.as_bytes()[..whole.len() - 1]), "{depth} {open}");
        }
        let wrong = format!("{}1{}}}", "[".repeat(depth), "]".repeat(depth - 1));
        assert!(!skips(wrong.as_bytes()), "{depth}");
    }
}

#[test]
fn a_cut_line_is_unfinished() {
    let line = br#"{"a":[1,{"b":"c\"d"}],"e":null}"#;
    for cut in 0..line.len() {
        let mut s = Scanner::new(&line[..cut]);
        assert_eq!(s.skip().and_then(|()| s.end()), Err(JsonError::Unfinished), "{cut}");
    }
}

#[test]
fn an_expected_order_changes_nothing() {
    let lines = [
        r#"{"a":1,"a_longer_key_than_16":2,"sixteen_bytes":3,"b":4}"#,
        r#"{"a":1,"a_longer_key_than_16":2,"sixteen_bytes":3,"b":4}"#,
        r#"{"a":1,"a_longer_key_than_17":2,"sixteen_bytes":3}"#,
        r#"{"a" :1,"a_longer_key_than_16": 2 ,"sixteen_byte":3,"b":4}"#,
        r#"{"\u0061":1,"a":2}"#,
        r#"{"ab":1,"a":2,"":3}"#,
        r#"{"":1,"":2}"#,
        r#"{"a":1,"a_longer_key_than_16":}"#,
        r#"{"a":1,"a_long"#,
        r#"{"a""#,
        r#"{"b":1,"a":1,"sixteen_bytes":3,"a_longer_key_than_16":2,"c":"","b":4}"#,
        r#"{"a":1,"a_key_that_is_longer_than_thirty_two_bytes":2,"thirty_bytes_and_the_two_quote":3,"b":4}"#,
        r#"{"a":1,"a_key_that_is_longer_than_thirty_two_bytez":2,"thirty_bytes_and_the_two_quoth":3,"b":4}"#,
        r#"{"a":1,"a_key_that_is_longer_than_thirty_two_"#,
        r#"{"a":1,"a_key_that_is_longe"#,
    ];
    // What a key means is itself, as something that can be copied.
    type Known = ([u8; 64], usize);
    let known = |key: &[u8]| {
        let mut copy = [0; 64];
        copy[..key.len()].copy_from_slice(key);
        (copy, key.len())
    };
    let mut order = KeyOrder::default();
    for line in lines.iter().chain(&lines) {
        let read = |order: Option<&mut KeyOrder<Known>>| {
            let mut fields = Vec::new();
            let mut s = Scanner::new(line.as_bytes());
            let mut field = |s: &mut Scanner<'_>, key: Known| {
                // Reads every other value.
                let value = if fields.len() % 2 == 0 { Some(s.value()?.raw().to_vec()) } else { None };
                fields.push((key, value));
                Ok(())
            };
            let end = match order {
                Some(order) => s.object_like(order, known, field),
                None => s.object(|s, key| field(s, known(key))),
            };
            (end.and_then(|_| s.end()), fields)
        };
        assert_eq!(read(Some(&mut order)), read(None), "{line}");
    }
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let text = prop_oneof!["[a-z\"\\\\\\n{}\\[\\]:,é😀]{0,12}", any::<String>()];
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        any::<u64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e9..1e9_f64).prop_map(Into::into),
        text.clone().prop_map(Tree::String),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::Array),
            prop::collection::vec((text.clone(), inner), 0..6).prop_map(|f| Tree::Object(f.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json(tree in any_tree(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) }.unwrap();
        check(&text);
    }

    #[test]
    fn agrees_on_damaged_lines(tree in any_tree(), hits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"{}[]\",:\\u0123456789-+.eEtfnal \n\x01\xff"[..]), 0..3_u8), 1..5)) {
        let mut text = serde_json::to_vec(&tree).unwrap();
        for (at, byte, how) in hits {
            if text.is_empty() {
                break;
            }
            let at = at.index(text.len());
            match how {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        check(&text);
    }

    #[test]
    fn agrees_on_noise(text in "[{}\\[\\]\",:\\\\u0-9eE+.truefalsn -]{0,40}") {
        check(text.as_bytes());
    }
}
