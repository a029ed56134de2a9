//! What fuzz targets need of the decoders in here.

use super::frame::FrameReader;
use super::inbound::{append_from_wire, vote_from_request};
use crate::wire;

/// Reads `input` as a greeting and messages behind it.
pub(crate) async fn read_frames(input: &[u8]) {
    let mut reader = FrameReader::new(input);
    if !matches!(reader.next::<wire::Hello>().await, Ok(Some(_))) {
        return;
    }
    while matches!(reader.next::<wire::Frame>().await, Ok(Some(_))) {}
}

pub(crate) fn decode_append(request: wire::AppendRequest) {
    drop(append_from_wire(request));
}

pub(crate) fn decode_vote(request: wire::VoteRequest) {
    drop(vote_from_request(request));
}
