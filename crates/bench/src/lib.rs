//! Load generators that drive Quorate and its peers.
