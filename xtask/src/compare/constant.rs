//! A server that answers everything from a constant, and tells of every change whoever read with a watch before: what no server
//! of this protocol can beat under this load generator.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};

use super::figures::{Figure, Figures};
use super::generator::{Generator, Load};

const LOADS: [(&str, usize, usize); 3] = [
    ("get, 64 x 16, from a constant", 64, 16),
    ("get, 16 x 1, from a constant", 16, 1),
    ("get, 1 x 1, from a constant", 1, 1),
];
const READ_BUFFER_BYTES: usize = 64 * 1024;
const PREFIX_BYTES: usize = 4;
const DATA_BYTES: usize = 100;
const STAT_BYTES: usize = 68;
/// Where a request says what it is, and which two of them matter here.
const OP: std::ops::Range<usize> = 8..12;
const GET_DATA: [u8; 4] = 4_i32.to_be_bytes();
const SET_DATA: [u8; 4] = 5_i32.to_be_bytes();
const WATCHERS: usize = 1_000;

/// Connections that are to be told of the next change.
type Watchers = Arc<Mutex<Vec<Arc<TcpStream>>>>;

/// Measures it as servers are measured.
pub(crate) fn measure(generator: &Generator, figures: &mut Figures) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on loopback")?;
    let servers = [listener.local_addr()?.to_string()];
    // Ends with the process.
    thread::spawn(move || {
        let watchers = Watchers::default();
        for stream in listener.incoming().flatten() {
            let watchers = Arc::clone(&watchers);
            thread::spawn(move || serve(&Arc::new(stream), &watchers));
        }
    });
    for (name, conns, pipeline) in LOADS {
        let load = Load { op: "get", conns, pipeline, size: DATA_BYTES };
        let report = generator.measure(&load, &servers, &[])?;
        figures.add(Figure::more(name, "/s"), report.number("/ops_per_sec")?);
    }
    let told = generator.fanout(&servers, WATCHERS)?;
    figures.add(
        Figure::less("event to 1,000 watchers, from a constant: p50", "us"),
        told.number("/delay_us/p50")?,
    );
    figures.add(
        Figure::less("event to 1,000 watchers, from a constant: last, p50", "us"),
        told.number("/last_us/p50")?,
    );
    Ok(())
}

/// Answers one connection until it ends.
fn serve(stream: &Arc<TcpStream>, watchers: &Watchers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut filled, mut out) = (vec![0; READ_BUFFER_BYTES], 0, Vec::new());
    let mut is_greeted = false;
    let answer = reply();
    loop {
        match (&**stream).read(&mut buffer[filled..])? {
            0 => return Ok(()),
            count => filled += count,
        }
        let mut taken = 0;
        while let Some(frame) = frame(&buffer[taken..filled]) {
            if is_greeted {
                match frame.get(OP).and_then(|op| op.first_chunk()) {
                    Some(&GET_DATA) if frame.ends_with(&[1]) => add(watchers, stream),
                    Some(&SET_DATA) => tell(watchers)?,
                    _ => {}
                }
                let at = out.len();
                out.extend_from_slice(&answer);
                // The number of the request, which every request and every answer begins with.
                out[at + PREFIX_BYTES..at + 2 * PREFIX_BYTES]
                    .copy_from_slice(&frame[PREFIX_BYTES..2 * PREFIX_BYTES]);
            } else {
                out.extend(greeting());
                is_greeted = true;
            }
            taken += frame.len();
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        (&**stream).write_all(&out)?;
        out.clear();
    }
}

fn add(watchers: &Watchers, stream: &Arc<TcpStream>) {
    watchers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(stream));
}

fn tell(watchers: &Watchers) -> io::Result<()> {
    let told = std::mem::take(&mut *watchers.lock().unwrap_or_else(PoisonError::into_inner));
    let event = event();
    told.iter().try_for_each(|stream| (&**stream).write_all(&event))
}

/// The first frame with its prefix, if all of it is there.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let prefix = bytes.first_chunk::<PREFIX_BYTES>()?;
    bytes.get(..PREFIX_BYTES + u32::from_be_bytes(*prefix) as usize)
}

/// Protocol version, timeout, session, password, not read-only.
fn greeting() -> Vec<u8> {
    let mut payload = 0_i32.to_be_bytes().to_vec();
    payload.extend(30_000_i32.to_be_bytes());
    payload.extend(1_i64.to_be_bytes());
    payload.extend(16_i32.to_be_bytes());
    payload.extend([0; 16]);
    payload.push(0);
    framed(&payload)
}

/// Number of the request, zxid, no error; data and a stat.
fn reply() -> Vec<u8> {
    let mut payload = [0; 4].to_vec();
    payload.extend(1_i64.to_be_bytes());
    payload.extend(0_i32.to_be_bytes());
    payload.extend((DATA_BYTES as i32).to_be_bytes());
    payload.extend([b'x'; DATA_BYTES]);
    payload.extend([0; STAT_BYTES]);
    framed(&payload)
}

/// No request's number, no zxid, no error; data of a path changed while connected.
fn event() -> Vec<u8> {
    let path = b"/bench/watched";
    let mut payload = (-1_i32).to_be_bytes().to_vec();
    payload.extend((-1_i64).to_be_bytes());
    payload.extend(0_i32.to_be_bytes());
    payload.extend([3_i32.to_be_bytes(), 3_i32.to_be_bytes(), (path.len() as i32).to_be_bytes()].concat());
    payload.extend(path);
    framed(&payload)
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_when_it_is_whole() {
        let bytes = [framed(b"abc"), framed(b"d")].concat();
        assert_eq!(frame(&bytes), Some(&bytes[..7]));
        assert_eq!((frame(&bytes[..6]), frame(&bytes[..3])), (None, None));
    }
}
