//! Kinds of files: compressed lines, documents, databases, and decoders that fail.

use super::*;

/// Understands every kind of file: each line is the id of a message. A line `panic` panics; a
/// database has a call a line, read two at a time.
struct Toy;

struct ToyLines;

/// How many lines of a thousand bytes were decoded; one test has such.
static LONG_LINES: AtomicU64 = AtomicU64::new(0);

impl Decoder for ToyLines {
    fn line(&mut self, text: &[u8], out: &mut Out) {
        if text.len() >= 1000 {
            LONG_LINES.fetch_add(1, Relaxed);
        }
        assert_ne!(text, b"panic");
        let mut inner = ClaudeCode
            .decoder(
                &LogFile {
                    root: &Root { path: "".into(), why: "" },
                    path: Path::new(""),
                    relative: Path::new(""),
                    kind: FileKind::Lines,
                },
                None,
            )
            .unwrap();
        let id = String::from_utf8_lossy(text);
        inner.line(line(&id, id.parse().unwrap_or(0)).as_bytes(), out);
        inner.finish(out);
    }
}

impl Collector for Toy {
    fn kind(&self) -> &'static str {
        "toy"
    }

    fn roots(&self, env: &Env) -> Vec<Root> {
        ClaudeCode.roots(env)
    }

    fn accepts(&self, _: &Root, relative: &Path) -> Option<FileKind> {
        match relative.extension()?.to_str()? {
            "lines" => Some(FileKind::Lines),
            "zst" => Some(FileKind::ZstdLines),
            "json" => Some(FileKind::Whole),
            "db" => Some(FileKind::Database),
            _ => None,
        }
    }

    fn descends(&self, _: &Root, relative: &Path) -> bool {
        !relative.ends_with("secret")
    }

    fn decoder(&self, _: &LogFile<'_>, _: Option<&[u8]>) -> Result<Box<dyn Decoder>, CollectError> {
        Ok(Box::new(ToyLines))
    }

    fn database(&self, file: &LogFile<'_>, state: Option<&[u8]>, out: &mut Out) -> Result<Progress, CollectError> {
        let text = fs::read_to_string(file.path).map_err(|e| CollectError::Unreadable(e.to_string()))?;
        if text.contains("stuck") {
            return Ok(Progress { state: Vec::new(), more: true });
        }
        let done = usize::from(state.map_or(0, |s| s[0]));
        let rest: Vec<_> = text.lines().skip(done).collect();
        rest.iter().take(2).for_each(|id| ToyLines.line(id.as_bytes(), out));
        Ok(Progress { state: vec![(done + rest.len().min(2)) as u8], more: rest.len() > 2 })
    }
}

#[test]
fn a_decoder_that_panics_hides_no_other_file() {
    let mut m = Machine::with(&Toy);
    fs::write(m.path("a.lines"), "1\n2\n").unwrap();
    fs::write(m.path("b.lines"), "3\npanic\n4\n").unwrap();
    fs::write(m.path("c.lines"), "5\n").unwrap();
    let summary = m.scan();
    assert_eq!(summary.unreadable.count, 1);
    assert_eq!(summary.unreadable.examples[0].0, m.path("b.lines"));
    assert_eq!(m.outputs(), [1, 2, 5]);
}

#[test]
fn compressed_lines() {
    let mut m = Machine::with(&Toy);
    m.options.piece_events = 1000;
    let text: String = (0..100_000).map(|n| format!("{n}\n")).collect();
    let whole = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let file = m.path("a.zst");
    fs::write(&file, &whole).unwrap();
    let mut deaths = 0;
    while m.scan_and_die(1) {
        deaths += 1;
        m.options.piece_events *= 4;
    }
    assert!(deaths > 0);
    assert_eq!(m.outputs().len(), 100_000);
    let summary = m.scan();
    assert_eq!((summary.unchanged, summary.events), (1, 0));
    // A damaged one says what it can, once.
    let mut m = Machine::with(&Toy);
    fs::write(m.path("a.zst"), &whole[..whole.len() / 2]).unwrap();
    fs::write(m.path("b.zst"), "no zstd").unwrap();
    let summary = m.scan();
    assert_eq!(summary.unreadable.count, 2);
    assert!(summary.events > 1000);
    let summary = m.scan();
    assert_eq!((summary.unreadable.count, summary.events), (2, 0));
    fs::write(m.path("a.zst"), &whole).unwrap();
    m.scan();
    assert_eq!(m.outputs().len(), 100_000);
}

/// A small file may hold a lot: what it says is committed while it is read.
#[test]
fn a_small_compressed_file_is_not_held_whole() {
    let m = Machine::with(&Toy);
    let all = 20_000;
    let text: String = (0..all).map(|n| format!("{n:01000}\n")).collect();
    let small = zstd::encode_all(text.as_bytes(), 3).unwrap();
    assert!(small.len() < 500_000, "{}", small.len());
    fs::write(m.path("a.zst"), small).unwrap();
    let options = Options { piece_events: 100, ..m.options.clone() };
    let mut decoded = None;
    let summary: Result<_, Infallible> = scan(&[&Toy], &m.env(), &Marks::new(), &options, &mut |_| {
        // Given time, the reader gets as far as it may.
        if decoded.is_none() {
            std::thread::sleep(Duration::from_millis(200));
            decoded = Some(LONG_LINES.load(Relaxed));
        }
        Ok(())
    });
    assert_eq!(summary.unwrap().events, all);
    assert!(decoded.unwrap() < all / 2 + 9000, "{decoded:?}");
}

/// A disk that fails to answer once says nothing about the file.
#[test]
fn a_read_that_fails_is_tried_again_and_no_damage() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                // EIO, EBADF: whatever the system says.
                0 => Err(io::Error::from_raw_os_error(5)),
                n => Ok(n),
            }
        }
    }
    let m = Machine::with(&Toy);
    let text: String = (0..100_000).map(|n| format!("{n}\n")).collect();
    let whole = zstd::encode_all(text.as_bytes(), 3).unwrap();
    let file = m.path("a.zst");
    fs::write(&file, &whole).unwrap();
    let stat = Stat::of(&fs::metadata(&file).unwrap());
    let job = Job {
        collector: &Toy,
        root: Arc::new(Root { path: m.home.path().into(), why: "" }),
        path: file,
        relative: "a.zst".into(),
        kind: FileKind::ZstdLines,
        stat,
        mark: Held::None,
    };
    let outcome = |source: &mut dyn Read| {
        let mut mark = None;
        let read = Reader::new(&m.options).decompress(&job, stat, source, &mut |read| {
            mark = Mark::from_bytes(&read.mark);
            true
        });
        (read.is_ok(), mark.unwrap().outcome)
    };
    let half = &whole[..whole.len() / 2];
    assert_eq!(outcome(&mut Failing(half)), (false, Outcome::Partial));
    assert_eq!(outcome(&mut { half }), (false, Outcome::Damaged));
    assert_eq!(outcome(&mut &[&half[..1000], &[7; 9000]].concat()[..]), (false, Outcome::Damaged));
    assert_eq!(outcome(&mut &whole[..]), (true, Outcome::Complete));
}

#[test]
fn a_document_says_again_only_what_is_new() {
    let mut m = Machine::with(&Toy);
    let file = m.path("a.json");
    for (text, events) in [("1\n2", 2), ("1\n2\n3", 1), ("3\n2", 0), ("3\n2\n4", 1), ("1\n5", 1)] {
        fs::write(&file, text).unwrap();
        assert_eq!(m.scan().events, events, "{text}");
    }
    touch(&file, 9);
    let summary = m.scan();
    assert_eq!((summary.read, summary.events), (1, 0));
    assert_eq!(m.scan().unchanged, 1);
    assert_eq!(m.outputs(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_database_is_read_in_steps_and_its_log_counts() {
    let mut m = Machine::with(&Toy);
    let file = m.path("a.db");
    fs::write(&file, "1\n2\n3\n4\n5").unwrap();
    assert!(m.scan_and_die(1));
    assert_eq!(m.outputs(), [1, 2]);
    assert_eq!(m.scan().events, 3);
    assert_eq!(m.scan().unchanged, 1);
    fs::write(m.path("a.db-wal"), "x").unwrap();
    assert_eq!(m.scan().read, 1);
    assert_eq!(m.scan().unchanged, 1);
    append(&file, "\n6");
    assert_eq!(m.scan().events, 1);
    fs::write(m.path("b.db"), "stuck").unwrap();
    assert_eq!(m.scan().unreadable.count, 1);
    // A collector's word on folders is heard.
    fs::write(m.path("secret/x.lines"), "9\n").unwrap();
    assert_eq!(m.scan().events, 0);
}
