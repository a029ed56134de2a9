//! Trouble for clients.

use std::rc::Rc;
use std::time::Duration;

use embedded::{Ensemble, Host};

use super::dice::Dice;
use super::{TIMEOUT, ms, pause};

/// Breaks the network of hosts, and nodes, for as long as `lasting`; then all is well again.
pub(crate) async fn torment(ensemble: &Ensemble, hosts: &[Rc<Host>], dice: &Dice, lasting: Duration) {
    let clock = &ensemble.runtime().clock;
    let end = clock.now() + lasting;
    while clock.now() < end {
        pause(ensemble, dice.between(ms(1), ms(4000))).await;
        let host = &hosts[usize::try_from(dice.roll(hosts.len() as u64)).unwrap()];
        match dice.roll(7) {
            0 => host.cut(),
            1 => host.lose_answers(),
            // From a moment to longer than the session.
            2 | 3 => {
                host.take_down();
                pause(ensemble, dice.between(ms(1), TIMEOUT * 2)).await;
                host.bring_up();
            }
            4 => {
                let node = dice.roll(3) + 1;
                ensemble.take_down_node(node);
                pause(ensemble, dice.between(ms(1), ms(8000))).await;
                ensemble.bring_up_node(node);
            }
            5 => {
                ensemble.take_down();
                pause(ensemble, dice.between(ms(1), ms(6000))).await;
                ensemble.bring_up();
            }
            _ => {
                // Answers are lost, and then the connection.
                host.lose_answers();
                pause(ensemble, dice.between(ms(1), ms(100))).await;
                host.cut();
            }
        }
    }
    ensemble.bring_up();
    hosts.iter().for_each(|host| host.bring_up());
}
