//! What a client did wrong, or what can not be had, in the protocol's own words.

use std::fmt;

use amqp091::{MethodId, ReplyCode, Scope, WireError};

/// Why a channel or a connection is closed: a reply code and an explanation that clients match on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    code: ReplyCode,
    explanation: String,
    method: Option<MethodId>,
}

impl Fault {
    pub(crate) fn new(code: ReplyCode, explanation: impl fmt::Display) -> Self {
        Self { code, explanation: explanation.to_string(), method: None }
    }

    /// Names the method that was the cause.
    pub(crate) fn of(mut self, method: MethodId) -> Self {
        self.method = Some(method);
        self
    }

    /// Names the method, if none was named before.
    pub(crate) fn of_default(mut self, method: MethodId) -> Self {
        self.method = self.method.or(Some(method));
        self
    }

    pub(crate) fn code(&self) -> ReplyCode {
        self.code
    }

    /// Whether only the channel ends.
    pub(crate) fn is_soft(&self) -> bool {
        self.code.scope() == Scope::Channel
    }

    /// The text that the client sees.
    pub(crate) fn reply_text(&self) -> String {
        self.code.text(&self.explanation)
    }

    /// Class and number of the method that was the cause; zeros if there was none.
    pub(crate) fn cause(&self) -> (u16, u16) {
        self.method.map_or((0, 0), |id| (id.class, id.method))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.number(), self.reply_text())?;
        if let Some(method) = self.method {
            write!(f, " (in {method})")?;
        }
        Ok(())
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self { code: error.reply_code(), explanation: error.to_string(), method: error.method() }
    }
}

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $code:ident;)*) => {
        impl Fault {
            $($(#[$doc])*
            pub(crate) fn $name(explanation: impl fmt::Display) -> Self {
                Self::new(ReplyCode::$code, explanation)
            })*
        }
    };
}

faults! {
    /// 403.
    access_refused = AccessRefused;
    /// 404.
    not_found = NotFound;
    /// 405.
    resource_locked = ResourceLocked;
    /// 406.
    precondition_failed = PreconditionFailed;
    /// 503.
    command_invalid = CommandInvalid;
    /// 504.
    channel_error = ChannelError;
    /// 530.
    not_allowed = NotAllowed;
    /// 540.
    not_implemented = NotImplemented;
    /// 541.
    internal_error = InternalError;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_the_client_sees_it() {
        let fault = Fault::not_found("no queue 'q' in vhost '/'").of(MethodId { class: 60, method: 20 });
        assert_eq!(fault.reply_text(), "NOT_FOUND - no queue 'q' in vhost '/'");
        assert_eq!(fault.cause(), (60, 20));
        assert!(fault.is_soft());
        assert_eq!(fault.to_string(), "404 NOT_FOUND - no queue 'q' in vhost '/' (in basic.consume)");
        assert!(!Fault::not_allowed("x").is_soft());
    }

    #[test]
    fn the_first_method_named_stays() {
        let (qos, ack) = (MethodId { class: 60, method: 10 }, MethodId { class: 60, method: 80 });
        assert_eq!(Fault::not_found("").of(qos).of_default(ack).cause(), (60, 10));
        assert_eq!(Fault::not_found("").of_default(ack).cause(), (60, 80));
    }
}
