//! What a lock protects: something that takes orders, which may be late, and refuses lower tokens than the highest it has seen.

use std::sync::{Arc, Mutex};

use recipes::Token;

#[derive(Clone, Default)]
pub(crate) struct Resource(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    highest: Option<Token>,
    /// What was done, by whom, whether or not with a resource that looks at tokens.
    orders: Vec<(Token, bool)>,
}

impl Resource {
    /// Whether the order was carried out.
    pub(crate) fn order(&self, token: Token) -> bool {
        let mut state = self.0.lock().unwrap();
        let is_taken = state.highest.is_none_or(|highest| token >= highest);
        if is_taken {
            state.highest = Some(token);
        }
        state.orders.push((token, is_taken));
        is_taken
    }

    /// Whether, once a holder's order was taken, none of an earlier holder was. Looks at all that was taken, not at how it was decided.
    pub(crate) fn check(&self) -> Result<(), String> {
        let orders = &self.0.lock().unwrap().orders;
        let taken: Vec<Token> =
            orders.iter().filter(|(_, is_taken)| *is_taken).map(|(token, _)| *token).collect();
        match taken.windows(2).find(|pair| pair[0] > pair[1]) {
            Some(pair) => Err(format!("an order of {} was taken after one of {}", pair[1], pair[0])),
            None if taken.is_empty() => Err("no order was taken".to_owned()),
            None => Ok(()),
        }
    }

    pub(crate) fn refused(&self) -> usize {
        self.0.lock().unwrap().orders.iter().filter(|(_, is_taken)| !is_taken).count()
    }
}
