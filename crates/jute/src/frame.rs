//! Cuts a byte stream into frames: four bytes of length, big-endian, then the payload.

use super::FrameError;

/// The default of `jute.maxbuffer`: the largest request payload, in bytes, that a server accepts.
pub const DEFAULT_FRAME_BYTES_MAX: usize = 0xf_ffff;

/// Bytes that the length takes.
pub const FRAME_PREFIX_BYTES: usize = 4;

/// The payload of the first frame of `bytes`, or `None` if it is not all there yet. The frame occupies
/// [`FRAME_PREFIX_BYTES`] more than its payload.
///
/// # Errors
/// When the length is negative or above `max`, as soon as the length itself is there.
pub fn first_frame(bytes: &[u8], max: usize) -> Result<Option<&[u8]>, FrameError> {
    let Some((prefix, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let claimed = i32::from_be_bytes(*prefix);
    match usize::try_from(claimed) {
        Ok(length) if length <= max => Ok(rest.get(..length)),
        _ => Err(FrameError { length: claimed, max }),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::put_frame;

    #[test]
    fn a_frame_comes_out_only_when_whole() {
        let mut bytes = BytesMut::new();
        put_frame(&mut bytes, |out| out.extend_from_slice(b"payload"));
        for part in 0..bytes.len() {
            assert_eq!(first_frame(&bytes[..part], 100), Ok(None));
        }
        assert_eq!(first_frame(&bytes, 100), Ok(Some(&b"payload"[..])));
    }

    #[test]
    fn the_limit_is_inclusive() {
        let exact = 100_i32.to_be_bytes();
        let over = 101_i32.to_be_bytes();
        let negative = (-1_i32).to_be_bytes();
        assert_eq!(first_frame(&exact, 100), Ok(None));
        assert_eq!(first_frame(&over, 100), Err(FrameError { length: 101, max: 100 }));
        assert_eq!(first_frame(&negative, 100), Err(FrameError { length: -1, max: 100 }));
    }
}
