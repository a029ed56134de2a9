//! Every model holds, and fails without any of its guards.

use models::checker::{Options, Verdict};
use models::model::{Entry, Size};

fn entry(name: &str) -> &'static Entry {
    models::MODELS.iter().find(|entry| entry.name == name).expect("there is a model of that name")
}

#[track_caller]
fn assert_model(name: &str) {
    let entry = entry(name);
    let report = (entry.check)(Size::Small, &Options::default(), &mut |_| {});
    if let Verdict::Violated(counterexample) = &report.verdict {
        panic!("{name}: {counterexample}");
    }
    assert!(report.holds(), "{name} has too many states");
    for (number, (guard, _)) in (entry.guards)().iter().enumerate() {
        let report = (entry.check)(Size::Without(number), &Options::default(), &mut |_| {});
        if let Verdict::Violated(counterexample) = &report.verdict {
            // That something can't be reached any more would be no proof.
            assert!(!counterexample.trace.is_empty(), "{name} without {guard}: {counterexample}");
        }
        assert!(report.violated().is_some(), "{name} does not need {guard}: {report:?}");
    }
}

#[test]
fn gossip() {
    assert_model("gossip");
}

#[test]
fn forwarding() {
    assert_model("forwarding");
}

#[test]
fn forwarding_without_shortcuts() {
    let model = models::forwarding::Forwarding::without_shortcuts();
    let report = models::checker::check(&model, &Options::default(), &mut |_| {});
    assert!(report.holds(), "patience alone is enough: {report:?}");
}

#[test]
fn resource_barrier() {
    assert_model("resource-barrier");
}

#[test]
fn global_barrier() {
    assert_model("global-barrier");
}

#[test]
fn recovery() {
    assert_model("recovery");
}

#[test]
fn sessions() {
    assert_model("sessions");
}
