use super::*;

fn set(names: &str) -> Resources {
    names.split_whitespace().map(ResourceId::from).collect()
}

fn grants(names: &str, token: i64) -> Vec<Grant> {
    set(names).into_iter().map(|resource| Grant { resource, token: Token(token) }).collect()
}

fn placed(held: &str, token: i64, taken: &str) -> Input {
    Input::Placed { held: grants(held, token), taken: set(taken) }
}

/// A member that uses these.
fn running(names: &str) -> Member {
    let mut member = Member::new();
    assert_eq!(member.step(Input::Share(set(names))), [Command::Place(set(names))]);
    assert_eq!(member.step(placed(names, 7, "")), [Command::Start(grants(names, 7))]);
    assert_eq!(member.step(Input::Started), []);
    assert!(member.is_settled());
    member
}

#[test]
fn what_is_free_is_started_and_what_is_taken_is_awaited() {
    let mut member = Member::new();
    member.step(Input::Share(set("a b c")));
    assert_eq!(member.step(placed("a", 3, "b c")), [Command::Start(grants("a", 3))]);
    assert_eq!(member.step(Input::Started), []);
    assert_eq!(member.step(Input::Freed(set("b"))), [Command::Place(set("b"))]);
    assert_eq!(member.step(Input::Freed(set("c"))), [], "one request at a time");
    let next = [Command::Start(grants("b", 9)), Command::Place(set("c"))];
    assert_eq!(member.step(placed("b", 9, "")), next);
}

#[test]
fn what_is_lost_is_stopped_and_only_then_released() {
    let mut member = running("a b c");
    assert_eq!(member.step(Input::Share(set("b"))), [Command::Stop(set("a c"))]);
    assert_eq!(member.step(Input::Stopped(set("a c"))), [Command::Release(set("a c"))]);
    assert_eq!(member.step(Input::Released(set("a c"))), []);
    assert!(member.is_settled());
}

#[test]
fn what_comes_back_while_it_is_stopped_is_started_again() {
    let mut member = running("a");
    member.step(Input::Share(set("")));
    assert_eq!(member.step(Input::Share(set("a"))), []);
    assert_eq!(member.step(Input::Stopped(set("a"))), [Command::Start(grants("a", 7))]);
}

#[test]
fn what_comes_back_while_it_is_released_is_placed_again() {
    let mut member = running("a");
    member.step(Input::Share(set("")));
    member.step(Input::Stopped(set("a")));
    assert_eq!(member.step(Input::Share(set("a"))), []);
    assert_eq!(member.step(Input::Released(set("a"))), [Command::Place(set("a"))]);
}

#[test]
fn what_is_lost_before_it_is_placed_is_given_back() {
    let mut member = Member::new();
    member.step(Input::Share(set("a")));
    assert_eq!(member.step(Input::Share(set(""))), []);
    assert_eq!(member.step(placed("a", 1, "")), [Command::Release(set("a"))]);
}

#[test]
fn what_others_hold_is_forgotten_when_it_is_not_to_be_had_any_more() {
    let mut member = running("a");
    member.step(Input::Share(set("a b")));
    member.step(Input::Share(set("a")));
    assert_eq!(member.step(placed("", 0, "b")), []);
    assert!(member.is_settled());
}

#[test]
fn stops_wait_for_a_start_and_starts_for_a_stop() {
    let mut member = running("a");
    member.step(Input::Share(set("a b")));
    assert_eq!(member.step(placed("b", 8, "")), [Command::Start(grants("b", 8))]);
    assert_eq!(member.step(Input::Share(set("b"))), []);
    assert_eq!(member.step(Input::Started), [Command::Stop(set("a"))]);
    assert_eq!(member.step(Input::Share(set("b c"))), [Command::Place(set("c"))]);
    assert_eq!(member.step(placed("c", 9, "")), []);
    let next = [Command::Start(grants("c", 9)), Command::Release(set("a"))];
    assert_eq!(member.step(Input::Stopped(set("a"))), next);
}

#[test]
fn who_is_cut_off_stops_all_at_once() {
    let mut member = running("a b");
    member.step(Input::Share(set("b c")));
    member.step(placed("c", 9, ""));
    // The stop of `a` is under way.
    assert_eq!(member.step(Input::CutOff), [Command::Stop(set("b"))]);
    assert_eq!(member.step(Input::Stopped(set("a"))), []);
    assert_eq!(member.step(Input::Stopped(set("b"))), []);
    assert_eq!(member.in_use().count(), 0);
    let mut grants = grants("b", 7);
    grants.push(Grant { resource: "c".into(), token: Token(9) });
    assert_eq!(member.step(Input::Back), [Command::Start(grants), Command::Release(set("a"))]);
}

#[test]
fn who_is_cut_off_gives_up_a_start() {
    let mut member = Member::new();
    member.step(Input::Share(set("a")));
    member.step(placed("a", 1, ""));
    assert_eq!(member.step(Input::CutOff), [Command::Stop(set("a"))]);
}

#[test]
fn who_is_cut_off_starts_and_places_nothing() {
    let mut member = Member::new();
    member.step(Input::Share(set("a b")));
    member.step(Input::CutOff);
    assert_eq!(member.step(placed("a", 1, "b")), []);
    assert_eq!(member.step(Input::Freed(set("b"))), []);
    assert_eq!(member.step(Input::Back), [Command::Start(grants("a", 1)), Command::Place(set("b"))]);
}

#[test]
fn who_leaves_stops_releases_and_goes() {
    let mut member = running("a");
    member.step(Input::Share(set("a b")));
    member.step(placed("", 0, "b"));
    assert_eq!(member.step(Input::Leave), [Command::Stop(set("a"))]);
    assert_eq!(member.step(Input::Stopped(set("a"))), [Command::Release(set("a"))]);
    assert_eq!(member.step(Input::Released(set("a"))), [Command::Leave]);
    assert_eq!(member.step(Input::Share(set("a b"))), [], "it is gone");
}
