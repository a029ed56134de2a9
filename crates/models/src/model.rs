//! What all models have in common: two sizes, and guards that can be dropped.

use std::fmt::Debug;

use crate::checker::{Options, Progress, Report, Spec, check};

/// A rule of a design without which it is wrong. A model with a guard dropped must fail: otherwise its properties say
/// nothing about that rule.
pub trait Guard: Copy + Eq + Debug + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The rule, in a sentence.
    fn rule(self) -> &'static str;
}

/// A design as a [`Spec`].
pub trait Model: Spec {
    /// Its name on the command line.
    const NAME: &'static str;
    /// Its rules.
    type Guard: Guard;

    /// The configuration that is checked always, perhaps without a guard.
    fn small(dropped: Option<Self::Guard>) -> Self;

    /// The configuration that is checked by command.
    fn large() -> Self;
}

/// Declares the guards of a model, each with its rule.
macro_rules! guards {
    ($($guard:ident = $rule:literal,)+) => {
        /// The rules of the design.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Guard {
            $(#[doc = $rule] $guard,)+
        }

        impl $crate::model::Guard for Guard {
            const ALL: &'static [Self] = &[$(Self::$guard,)+];

            fn rule(self) -> &'static str {
                match self {
                    $(Self::$guard => $rule,)+
                }
            }
        }
    };
}
pub(crate) use guards;

/// Which configuration to check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// The small one.
    Small,
    /// The large one.
    Large,
    /// The small one without the guard of this number.
    Without(usize),
}

/// A model, whatever its type.
pub struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// Name and rule of each guard.
    pub guards: fn() -> Vec<(String, &'static str)>,
    /// Checks it.
    pub check: fn(Size, &Options, &mut dyn FnMut(Progress)) -> Report,
}

impl Entry {
    pub(crate) const fn of<M: Model>() -> Self {
        Self { name: M::NAME, guards: guards_of::<M>, check: check_size::<M> }
    }
}

fn guards_of<M: Model>() -> Vec<(String, &'static str)> {
    M::Guard::ALL.iter().map(|guard| (format!("{guard:?}"), guard.rule())).collect()
}

fn check_size<M: Model>(size: Size, options: &Options, on_progress: &mut dyn FnMut(Progress)) -> Report {
    let model = match size {
        Size::Small => M::small(None),
        Size::Large => M::large(),
        Size::Without(guard) => M::small(Some(M::Guard::ALL[guard])),
    };
    check(&model, options, on_progress)
}
