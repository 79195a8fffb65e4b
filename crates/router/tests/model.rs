//! The router against a small slow model of the specification: both are told the same random sequences of what sessions
//! do, and have to answer alike. Sequences that once did not are kept in `proptest-regressions`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "model/compare.rs"]
mod compare;
#[path = "model/concurrent.rs"]
mod concurrent;
#[path = "model/ops.rs"]
mod ops;
#[path = "model/real.rs"]
mod real;
#[path = "model/rules.rs"]
mod rules;
#[path = "model/spec.rs"]
mod spec;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use compare::Bindings;
use real::Real;
use spec::Model;

fn config() -> ProptestConfig {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/model.txt");
    let default = ProptestConfig::default();
    // More where somebody has the time: PROPTEST_CASES.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 400 };
    ProptestConfig {
        cases,
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(kept))),
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn router_and_model_agree(ops in prop::collection::vec(ops::op(), 1..120)) {
        let (mut real, mut model, mut bindings) = (Real::new(), Model::new(), Bindings::default());
        for (number, op) in ops.iter().enumerate() {
            let expected = model.step(op);
            let heard = real.step(op);
            if let Err(text) = bindings.compare(&expected, &heard) {
                let text = format!("step {number}, {op:?}: {text}
expected {expected:?}
heard {heard:?}");
                return Err(TestCaseError::fail(text));
            }
        }
        // Whatever happened, nothing is left when all have gone.
        drop(real.leave_all());
        real.assert_empty(&model.retained_topics());
    }

    #[test]
    fn order_holds_when_the_same_happens_at_once(ops in prop::collection::vec(ops::op(), 1..120)) {
        concurrent::run(&ops);
    }
}
