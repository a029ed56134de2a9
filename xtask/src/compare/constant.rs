//! A server that answers everything from a constant: what no server of this protocol can beat under this load generator.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
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

/// Measures it as servers are measured.
pub(crate) fn measure(generator: &Generator, figures: &mut Figures) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on loopback")?;
    let servers = [listener.local_addr()?.to_string()];
    // Ends with the process.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    for (name, conns, pipeline) in LOADS {
        let load = Load { op: "get", conns, pipeline, size: DATA_BYTES };
        let report = generator.measure(&load, &servers, &[])?;
        figures.add(Figure::more(name, "/s"), report.number("/ops_per_sec")?);
    }
    Ok(())
}

/// Answers one connection until it ends.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut buffer, mut filled, mut out) = (vec![0; READ_BUFFER_BYTES], 0, Vec::new());
    let mut is_greeted = false;
    let answer = reply();
    loop {
        match stream.read(&mut buffer[filled..])? {
            0 => return Ok(()),
            count => filled += count,
        }
        let mut taken = 0;
        while let Some(frame) = frame(&buffer[taken..filled]) {
            if is_greeted {
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
        stream.write_all(&out)?;
        out.clear();
    }
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
