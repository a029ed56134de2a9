//! Real sockets in real namespaces, through the switch. Needs root and TAP devices; says so where it can't run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use chaos::net::{HostId, Namespace, Quality, Switch, Tap, address};
use chaos::time::elapsed;

const PORT: u16 = 4000;
const ONE: HostId = HostId(1);
const TWO: HostId = HostId(2);

/// Two hosts and a switch. The second echoes what it is sent on one connection after another.
struct Pair {
    one: Namespace,
    _two: Namespace,
    switch: Switch,
}

impl Pair {
    fn new(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() || !std::path::Path::new("/dev/net/tun").exists() {
            eprintln!("SKIPPED {test}, so it proves nothing: it needs root and /dev/net/tun");
            return None;
        }
        let name = |host: HostId| format!("quorate-chaos-{}-{test}-{}", std::process::id(), host.0);
        let one = Namespace::create(name(ONE)).unwrap();
        let two = Namespace::create(name(TWO)).unwrap();
        let hosts = [ONE, TWO];
        let taps = vec![Tap::create(&one, ONE, &hosts).unwrap(), Tap::create(&two, TWO, &hosts).unwrap()];
        let switch = Switch::start(taps, 1).unwrap();
        let listener = two.inside(|| TcpListener::bind((address(TWO), PORT)).unwrap()).unwrap();
        std::thread::Builder::new()
            .spawn(move || {
                for mut stream in listener.incoming().flatten() {
                    let mut buffer = [0; 64];
                    while let Ok(length @ 1..) = stream.read(&mut buffer) {
                        if stream.write_all(&buffer[..length]).is_err() {
                            break;
                        }
                    }
                }
            })
            .unwrap();
        Some(Self { one, _two: two, switch })
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let to = SocketAddr::from((address(TWO), PORT));
        let limit = Duration::from_secs(2);
        let stream = self.one.inside(|| TcpStream::connect_timeout(&to, limit)).unwrap()?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        Ok(stream)
    }
}

/// How long it takes until a byte is back.
fn round_trip(stream: &mut TcpStream) -> std::io::Result<Duration> {
    let began = elapsed();
    stream.write_all(b"x")?;
    stream.read_exact(&mut [0])?;
    Ok(elapsed() - began)
}

#[test]
fn a_good_switch_passes_everything() {
    let Some(pair) = Pair::new("good") else { return };
    let mut stream = pair.connect().unwrap();
    for _ in 0..100 {
        round_trip(&mut stream).unwrap();
    }
    let total = pair.switch.total();
    assert!(total.passed >= 200, "{total:?}");
    assert_eq!(total.harmed(), 0, "{total:?}");
}

#[test]
fn latency_is_as_asked_and_goes_when_it_is_lifted() {
    let Some(pair) = Pair::new("slow") else { return };
    let mut stream = pair.connect().unwrap();
    let delay = Duration::from_millis(40);
    let slow = Quality { delay, ..Quality::default() };
    let overlay = pair.switch.lay(vec![((ONE, TWO), slow), ((TWO, ONE), slow)]);
    assert!(round_trip(&mut stream).unwrap() >= 2 * delay);
    assert!(pair.switch.lift(&overlay).delayed >= 2);
    // What was under way may still hold up what follows.
    let fast = (0..5).map(|_| round_trip(&mut stream).unwrap()).min().unwrap();
    assert!(fast < delay, "{fast:?}");
}

#[test]
fn nothing_passes_a_cut_and_a_connection_survives_it() {
    let Some(pair) = Pair::new("cut") else { return };
    let mut stream = pair.connect().unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let overlay = pair.switch.lay(vec![((ONE, TWO), Quality::cut())]);
    assert!(round_trip(&mut stream).is_err());
    assert!(pair.connect().is_err());
    assert!(pair.switch.lift(&overlay).cut > 0);
    // TCP sends again what was eaten.
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.read_exact(&mut [0]).unwrap();
}

#[test]
fn lost_frames_are_counted_and_sent_again() {
    let Some(pair) = Pair::new("loss") else { return };
    let lossy = Quality { loss: 0.1, ..Quality::default() };
    let mut stream = pair.connect().unwrap();
    let overlay = pair.switch.lay(vec![((ONE, TWO), lossy), ((TWO, ONE), lossy)]);
    for _ in 0..30 {
        round_trip(&mut stream).unwrap();
    }
    assert!(pair.switch.lift(&overlay).lost > 0);
}

#[test]
fn no_program_is_handed_damaged_data() {
    let Some(pair) = Pair::new("bits") else { return };
    let damaging = Quality { corrupt: 0.1, ..Quality::default() };
    let mut stream = pair.connect().unwrap();
    // TCP waits longer each time that it sends the same again.
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let overlay = pair.switch.lay(vec![((ONE, TWO), damaging), ((TWO, ONE), damaging)]);
    for byte in 0..100 {
        stream.write_all(&[byte]).unwrap();
        let mut echo = [0];
        stream.read_exact(&mut echo).unwrap();
        assert_eq!(echo, [byte]);
    }
    assert!(pair.switch.lift(&overlay).corrupted > 0);
}
