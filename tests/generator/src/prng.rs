//! A small deterministic source of randomness (SplitMix64).

/// Numbers that depend on a seed and nothing else.
#[derive(Clone, Debug)]
pub struct Prng(u64);

impl Prng {
    /// A generator for one purpose: `parts` name it (seed, machine, agent, session, …).
    pub fn of(parts: &[u64]) -> Self {
        let mut rng = Self(0x9e37_79b9_7f4a_7c15);
        for part in parts {
            rng.0 ^= part.wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(31);
            rng.next();
        }
        rng
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n` (0 if `n` is 0).
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { ((u128::from(self.next()) * u128::from(n)) >> 64) as u64 }
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Mostly small, seldom large: the shape of token counts.
    pub fn skewed(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low);
        let (a, b) = (self.below(1 << 16), self.below(1 << 16));
        low + (((u128::from(span) * u128::from(a) * u128::from(b)) >> 32) as u64)
    }

    /// True in `per_mille` of a thousand cases.
    pub fn chance(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.below(1000) < u64::from(per_mille)
    }

    /// One of `items`; the default of `T` where there is none.
    pub fn pick<T: Clone + Default>(&mut self, items: &[T]) -> T {
        let at = self.below(items.len() as u64) as usize;
        items.get(at).cloned().unwrap_or_default()
    }

    /// `n` hexadecimal digits.
    pub fn hex(&mut self, n: usize) -> String {
        self.letters(b"0123456789abcdef", n)
    }

    /// An identifier as Anthropic forms them: `prefix` and 22 letters and digits.
    pub fn id(&mut self, prefix: &str) -> String {
        let tail = self.letters(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", 22);
        format!("{prefix}{tail}")
    }

    /// A random UUID, version 4.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:x}{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            8 + (b >> 62),
            (b >> 48) & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }

    /// A UUID of version 7 for an instant.
    pub fn uuid_at(&mut self, millis: i64) -> String {
        let b = self.next();
        format!(
            "{:08x}-{:04x}-7{:03x}-{:x}{:03x}-{:012x}",
            (millis >> 16) & 0xffff_ffff,
            millis & 0xffff,
            self.below(0x1000),
            8 + (b >> 62),
            (b >> 48) & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }

    /// Items in a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            items.swap(i, j);
        }
    }

    fn letters(&mut self, alphabet: &[u8], n: usize) -> String {
        (0..n).map(|_| char::from(self.pick(alphabet))).collect()
    }
}
