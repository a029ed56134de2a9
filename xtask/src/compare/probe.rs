//! When a server that has just been started answers its first request.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between attempts while nobody listens.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);
/// How long an attempt may hang before another begins beside it: a server that is just starting may accept a connection
/// and forget it.
const PATIENCE: Duration = Duration::from_millis(20);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
const GET_DATA: i32 = 4;
const REPLY_HEADER_BYTES: usize = 16;

/// Opens sessions at `server` until one reads the znode `path`; the moment of the answer.
pub(crate) fn first_answer(server: SocketAddr, path: &str, deadline: Instant) -> Result<Instant> {
    let (answered, answers) = mpsc::channel();
    while Instant::now() < deadline {
        let Ok(stream) = TcpStream::connect(server) else {
            thread::sleep(REFUSED_PAUSE);
            continue;
        };
        let (answered, path) = (answered.clone(), path.to_owned());
        thread::spawn(move || {
            if let Ok(true) = read_once(stream, &path) {
                // Nobody listens any more when another attempt was faster.
                let _ = answered.send(Instant::now());
            }
        });
        if let Ok(moment) = answers.recv_timeout(PATIENCE) {
            return Ok(moment);
        }
    }
    bail!("{server} did not answer a read of {path}")
}

/// One session, one read; whether the znode is there.
fn read_once(mut stream: TcpStream, path: &str) -> io::Result<bool> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(&[handshake(), get_data(path)].concat())?;
    read_frame(&mut stream)?;
    let reply = read_frame(&mut stream)?;
    let error = reply.get(REPLY_HEADER_BYTES - 4..REPLY_HEADER_BYTES);
    Ok(error == Some(&[0; 4]))
}

/// Protocol version, last zxid seen, a timeout of ten seconds, no session yet, an empty password, not read-only.
fn handshake() -> Vec<u8> {
    let mut payload = [0; 12].to_vec();
    payload.extend(10_000_i32.to_be_bytes());
    payload.extend([0; 8]);
    payload.extend(16_i32.to_be_bytes());
    payload.extend([0; 16]);
    payload.push(0);
    frame(&payload)
}

fn get_data(path: &str) -> Vec<u8> {
    let mut payload = 1_i32.to_be_bytes().to_vec();
    payload.extend(GET_DATA.to_be_bytes());
    payload.extend((path.len() as i32).to_be_bytes());
    payload.extend(path.as_bytes());
    payload.push(0);
    frame(&payload)
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as i32).to_be_bytes(), payload].concat()
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut payload = Vec::new();
    stream.take(u32::from_be_bytes(length).into()).read_to_end(&mut payload)?;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_long_as_they_say() {
        for bytes in [handshake(), get_data("/a/b")] {
            assert_eq!(bytes[..4], (bytes.len() as i32 - 4).to_be_bytes());
        }
        // The length of a connect request with the read-only field.
        assert_eq!(handshake().len(), 4 + 45);
    }
}
