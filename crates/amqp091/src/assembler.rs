//! Puts the frames of one channel together to commands: a method, and for some methods a header and a body.

use bytes::Bytes;

use crate::content::{BASIC_CLASS, BODY_BYTES_MAX, BodyBuf};
use crate::{Content, ContentHeader, MethodFrame, MethodId, Payload, WireError};

/// A method with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The method.
    pub method: MethodFrame,
    /// The message, for methods that carry one.
    pub content: Option<Content>,
}

/// What a frame led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assembled {
    /// More frames are needed.
    Incomplete,
    /// A command is whole.
    Command(Command),
    /// A header announced a body above the limit. Its frames will be dropped as they come; a server closes the channel with 406.
    TooLarge {
        /// The method whose content it is.
        method: MethodFrame,
        /// The announced size, in bytes.
        body_bytes: u64,
    },
}

/// The state of one channel other than 0, in one direction.
///
/// It keeps no more than the body that was sent so far, of at most the limit it was made with.
#[derive(Debug)]
pub struct Assembler {
    state: State,
    body_bytes_max: u64,
}

#[derive(Debug)]
enum State {
    Method,
    Header { method: MethodFrame },
    Body { method: MethodId, remaining: u64, kept: Option<Kept> },
}

#[derive(Debug)]
struct Kept {
    method: MethodFrame,
    properties: Bytes,
    body: BodyBuf,
    /// That have come.
    body_bytes: usize,
}

impl Assembler {
    /// For a channel that was just opened. `body_bytes_max` is the largest body to keep, at most [`BODY_BYTES_MAX`].
    pub fn new(body_bytes_max: u64) -> Self {
        Self { state: State::Method, body_bytes_max: body_bytes_max.min(BODY_BYTES_MAX) }
    }

    /// Bytes that it keeps of content that is not whole.
    pub fn kept_bytes(&self) -> usize {
        match &self.state {
            State::Body { kept: Some(kept), .. } => kept.properties.len() + kept.body_bytes,
            _ => 0,
        }
    }

    /// Takes the next frame of the channel.
    ///
    /// A method that carries content has been decoded once when its command arrives; any other has not.
    ///
    /// # Errors
    /// When the frame does not belong here, or the content is not allowed. The connection is over then.
    pub fn push(&mut self, payload: Payload) -> Result<Assembled, WireError> {
        match std::mem::replace(&mut self.state, State::Method) {
            State::Method => self.expect_method(payload),
            State::Header { method } => self.expect_header(method, payload),
            State::Body { method, remaining, kept } => self.expect_body(method, remaining, kept, payload),
        }
    }

    fn expect_method(&mut self, payload: Payload) -> Result<Assembled, WireError> {
        let Payload::Method(method) = payload else {
            return Err(WireError::ExpectedMethod);
        };
        if !method.id.is_known() {
            return Err(WireError::UnknownMethod(method.id));
        }
        if !method.id.has_content() {
            return Ok(Assembled::Command(Command { method, content: None }));
        }
        // A bad method is answered at once, and not when its content has come.
        method.decode()?;
        self.state = State::Header { method };
        Ok(Assembled::Incomplete)
    }

    fn expect_header(&mut self, method: MethodFrame, payload: Payload) -> Result<Assembled, WireError> {
        let id = method.id;
        let Payload::Header(ContentHeader { class, weight: 0, body_bytes, properties }) = payload else {
            return Err(WireError::ExpectedHeader { method: id });
        };
        if class != BASIC_CLASS {
            return Err(WireError::HeaderOfOtherClass { method: id, class });
        }
        if body_bytes > BODY_BYTES_MAX {
            return Err(WireError::BodyTooLarge { method: id, size: body_bytes, max: BODY_BYTES_MAX });
        }
        if body_bytes > self.body_bytes_max {
            self.state = State::Body { method: id, remaining: body_bytes, kept: None };
            return Ok(Assembled::TooLarge { method, body_bytes });
        }
        let kept = Kept { method, properties, body: BodyBuf::default(), body_bytes: 0 };
        Ok(self.advance(id, body_bytes, Some(kept)))
    }

    fn expect_body(
        &mut self,
        method: MethodId,
        remaining: u64,
        mut kept: Option<Kept>,
        payload: Payload,
    ) -> Result<Assembled, WireError> {
        let Payload::Body(part) = payload else {
            return Err(WireError::ExpectedBody { method });
        };
        let size = part.len() as u64;
        let Some(remaining) = remaining.checked_sub(size) else {
            return Err(WireError::BodyTooLong { method, excess: size - remaining });
        };
        if let Some(kept) = &mut kept {
            kept.body_bytes += part.len();
            kept.body.push(part);
        }
        Ok(self.advance(method, remaining, kept))
    }

    fn advance(&mut self, method: MethodId, remaining: u64, kept: Option<Kept>) -> Assembled {
        if remaining > 0 {
            self.state = State::Body { method, remaining, kept };
            return Assembled::Incomplete;
        }
        match kept {
            None => Assembled::Incomplete,
            Some(Kept { method, properties, body, .. }) => {
                let content = Some(Content { properties, body: body.finish() });
                Assembled::Command(Command { method, content })
            }
        }
    }
}
