use super::*;

fn set(names: &str) -> Resources {
    names.split_whitespace().map(ResourceId::from).collect()
}

fn grants(names: &str, token: i64) -> Vec<Grant> {
    set(names).into_iter().map(|resource| Grant { resource, token: Token(token) }).collect()
}

fn stop(round: u64) -> Input {
    Input::Status(Status::Stop(Round(round)))
}

fn granted(round: u64) -> Input {
    Input::Status(Status::Granted(Round(round)))
}

fn share(round: u64, names: &str) -> Input {
    Input::Share { round: Round(round), token: Token(100), resources: set(names) }
}

/// A member that uses these since round 1.
fn running(names: &str) -> Member {
    let mut member = Member::new();
    assert_eq!(member.step(stop(1)), [Command::Announce(Round(1))]);
    assert_eq!(member.step(Input::Announced(Round(1))), []);
    assert_eq!(member.step(granted(1)), [Command::Read]);
    assert_eq!(member.step(share(1, names)), [Command::Start(grants(names, 100))]);
    assert_eq!(member.step(Input::Started), [Command::Withdraw(Round(1))]);
    assert_eq!(member.step(Input::Withdrawn(Round(1))), []);
    assert!(member.is_settled());
    member
}

#[test]
fn it_stops_before_it_says_so() {
    let mut member = running("a b");
    assert_eq!(member.step(stop(2)), [Command::Stop(set("a b"))]);
    assert_eq!(member.step(Input::Stopped(set("a b"))), [Command::Announce(Round(2))]);
}

#[test]
fn it_takes_nothing_of_a_round_that_it_has_not_stopped_for() {
    let mut member = Member::new();
    assert_eq!(member.step(granted(4)), []);
    assert!(member.is_settled());
}

#[test]
fn it_takes_nothing_of_an_allocation_of_another_round() {
    let mut member = Member::new();
    member.step(stop(1));
    member.step(Input::Announced(Round(1)));
    assert_eq!(member.step(granted(1)), [Command::Read]);
    assert_eq!(member.step(stop(2)), []);
    assert_eq!(member.step(share(2, "a")), [Command::Announce(Round(2))]);
}

#[test]
fn a_call_while_it_starts_is_obeyed_after_it() {
    let mut member = Member::new();
    member.step(stop(1));
    member.step(Input::Announced(Round(1)));
    member.step(granted(1));
    member.step(share(1, "a"));
    assert_eq!(member.step(stop(2)), []);
    assert_eq!(member.step(Input::Started), [Command::Stop(set("a"))]);
    assert_eq!(member.step(Input::Stopped(set("a"))), [Command::Announce(Round(2))]);
}

#[test]
fn who_is_cut_off_stops_and_goes_on_in_the_same_round() {
    let mut member = running("a");
    assert_eq!(member.step(Input::CutOff), [Command::Stop(set("a"))]);
    assert_eq!(member.step(Input::Stopped(set("a"))), []);
    assert_eq!(member.step(Input::Back), [Command::Start(grants("a", 100))]);
    assert_eq!(member.step(Input::Started), []);
}

#[test]
fn who_is_cut_off_while_it_starts_gives_up_at_once() {
    let mut member = Member::new();
    member.step(stop(1));
    member.step(Input::Announced(Round(1)));
    member.step(granted(1));
    member.step(share(1, "a"));
    assert_eq!(member.step(Input::CutOff), [Command::Stop(set("a"))]);
}

#[test]
fn who_gets_nothing_says_so_too() {
    let mut member = Member::new();
    member.step(stop(1));
    member.step(Input::Announced(Round(1)));
    member.step(granted(1));
    assert_eq!(member.step(share(1, "")), [Command::Withdraw(Round(1))]);
}

#[test]
fn who_leaves_stops_and_goes() {
    let mut member = running("a");
    assert_eq!(member.step(Input::Leave), [Command::Stop(set("a"))]);
    assert_eq!(member.step(Input::Stopped(set("a"))), [Command::Leave]);
    assert_eq!(member.step(stop(2)), [], "it is gone");
}
