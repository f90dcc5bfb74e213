//! Text with escapes.

/// The text that the raw contents of a JSON string stand for. `None` where an escape is wrong, a
/// surrogate stands alone, a control character is bare, or the bytes are no UTF-8.
pub(super) fn unescape(raw: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first < 0x20 {
            return None;
        }
        if first != b'\\' {
            text.push(first);
            continue;
        }
        let (&escape, tail) = rest.split_first()?;
        rest = tail;
        text.push(match escape {
            b'"' | b'\\' | b'/' => escape,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let scalar = scalar(&mut rest)?;
                text.extend_from_slice(scalar.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return None,
        });
    }
    String::from_utf8(text).ok()
}

/// Reads what follows `\u`: four hexadecimal digits, or a pair of surrogates.
fn scalar(rest: &mut &[u8]) -> Option<char> {
    let high = unit(rest)?;
    if !(0xd800..0xdc00).contains(&high) {
        return char::from_u32(high);
    }
    *rest = rest.strip_prefix(b"\\u")?;
    let low = unit(rest)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
}

fn unit(rest: &mut &[u8]) -> Option<u32> {
    let (digits, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    digits.iter().try_fold(0, |n, digit| Some(n << 4 | char::from(*digit).to_digit(16)?))
}
