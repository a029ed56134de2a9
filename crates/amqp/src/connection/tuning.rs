//! What server and client agree on about channels, frames and heartbeats.

use std::fmt;
use std::time::Duration;

use amqp091::{FrameMax, MethodId, connection};

use crate::config::Config;
use crate::fault::Fault;

const TUNE: MethodId = MethodId { class: 10, method: 30 };
const CHANNEL_MAX_MIN: u16 = 1;

/// Limits of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// The most channels; 0 is no limit.
    pub(crate) channel_max: u16,
    /// The largest frame.
    pub(crate) frame_max: FrameMax,
    /// Zero is none.
    pub(crate) heartbeat: Duration,
}

impl Tuning {
    /// What the server proposes.
    pub(crate) fn proposed(config: &Config) -> connection::Tune {
        let heartbeat = u16::try_from(config.heartbeat.as_secs()).unwrap_or(u16::MAX);
        connection::Tune { channel_max: config.channel_max, frame_max: config.frame_max.0, heartbeat }
    }

    /// What holds until the client has answered.
    pub(crate) fn initial() -> Self {
        Self { channel_max: 0, frame_max: FrameMax::BEFORE_AUTHENTICATION, heartbeat: Duration::ZERO }
    }

    /// What holds after the client's answer. It may lower limits and not raise them; heartbeats are its own choice.
    pub(crate) fn agreed(config: &Config, answer: &connection::TuneOk) -> Result<Self, Fault> {
        check("frame_max", answer.frame_max, FrameMax::MIN.0, config.frame_max.0)?;
        check("channel_max", answer.channel_max.into(), CHANNEL_MAX_MIN.into(), config.channel_max.into())?;
        Ok(Self {
            channel_max: answer.channel_max,
            frame_max: FrameMax(answer.frame_max),
            heartbeat: Duration::from_secs(answer.heartbeat.into()),
        })
    }
}

/// 0 is no limit, for both.
fn check(field: &str, wanted: u32, min: u32, max: u32) -> Result<(), Fault> {
    let refuse = |than: &str, which: &str, limit: u32| {
        let detail = if wanted == 0 { " (no limit)" } else { "" };
        let text = Refused { field, wanted, detail, than, which, limit };
        Err(Fault::not_allowed(text).of(TUNE))
    };
    if wanted != 0 && wanted < min {
        refuse("lower", "minimum", min)
    } else if max != 0 && (wanted == 0 || wanted > max) {
        refuse("higher", "maximum", max)
    } else {
        Ok(())
    }
}

struct Refused<'a> {
    field: &'a str,
    wanted: u32,
    detail: &'a str,
    than: &'a str,
    which: &'a str,
    limit: u32,
}

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, wanted, detail, than, which, limit } = self;
        write!(f, "negotiated {field} = {wanted}{detail} is {than} than the {which} allowed value ({limit})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(channel_max: u16, frame_max: u32) -> Result<Tuning, Fault> {
        let answer = connection::TuneOk { channel_max, frame_max, heartbeat: 7 };
        Tuning::agreed(&Config::default(), &answer)
    }

    #[test]
    fn limits_may_be_lowered() {
        let tuning = answer(1, 4096).unwrap();
        assert_eq!((tuning.channel_max, tuning.frame_max), (1, FrameMax(4096)));
        assert_eq!(tuning.heartbeat, Duration::from_secs(7));
        assert!(answer(2047, 131_072).is_ok());
    }

    #[test]
    fn what_is_too_high_or_too_low_is_refused_in_rabbitmqs_words() {
        for (channel_max, frame_max, text) in [
            (2047, 131_073, "frame_max = 131073 is higher than the maximum allowed value (131072)"),
            (2047, 0, "frame_max = 0 (no limit) is higher than the maximum allowed value (131072)"),
            (2047, 4095, "frame_max = 4095 is lower than the minimum allowed value (4096)"),
            (2048, 4096, "channel_max = 2048 is higher than the maximum allowed value (2047)"),
            (0, 4096, "channel_max = 0 (no limit) is higher than the maximum allowed value (2047)"),
        ] {
            let fault = answer(channel_max, frame_max).unwrap_err();
            assert_eq!(fault.reply_text(), format!("NOT_ALLOWED - negotiated {text}"));
            assert_eq!(fault.cause(), (10, 30));
        }
    }

    #[test]
    fn a_server_without_a_limit_takes_any() {
        let config = Config { frame_max: FrameMax::UNLIMITED, ..Config::default() };
        let unlimited = connection::TuneOk { channel_max: 1, frame_max: 0, heartbeat: 0 };
        assert_eq!(Tuning::agreed(&config, &unlimited).unwrap().frame_max, FrameMax::UNLIMITED);
    }
}
