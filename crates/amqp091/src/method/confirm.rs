//! Class 85: publisher confirms.

use super::arguments::arguments;

arguments! {
    /// From now on the server confirms what is published on the channel.
    Select {
        nowait: bool,
    }
    /// The answer.
    SelectOk {}
}
