//! What is remembered of a frame besides that it exists.

/// What happened to a frame, and how urgent it is. Nothing is stored for one to which nothing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// How often its delivery failed.
    pub(crate) failed: u32,
    /// How often it was given to somebody.
    pub(crate) acquired: u32,
    /// Its priority.
    pub(crate) level: u8,
}

impl Past {
    /// Of a frame that nobody had.
    pub(crate) fn untouched(level: u8) -> Self {
        Self { level, ..Self::default() }
    }

    pub(crate) fn is_untouched(self) -> bool {
        self.failed == 0 && self.acquired == 0
    }

    #[must_use]
    pub(crate) fn acquired_again(self) -> Self {
        Self { acquired: self.acquired.saturating_add(1), ..self }
    }

    #[must_use]
    pub(crate) fn failed_again(self, failed: bool) -> Self {
        Self { failed: self.failed.saturating_add(u32::from(failed)), ..self }
    }
}
