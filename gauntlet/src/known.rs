//! Flags that Thanos has and this version does not act on.
//!
//! One that would change what the process does is refused by name if it asks for anything but what happens anyway; one that
//! only tunes what is built in another way here is taken, and said to have no effect.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use std::marker::PhantomData;
use tracing::info;

/// A flag of Thanos.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Thanos' default; of a list, its parts joined with commas.
    pub(crate) default: &'static str,
    pub(crate) fate: Fate,
}

/// How often a flag may stand, and whether it has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    Switch,
    List,
}

/// What becomes of a flag that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Refused unless it asks for the default.
    NotYet,
    /// Taken; why it has nothing to do.
    NoEffect(&'static str),
}

/// Names the flags of one command.
pub(crate) trait Table {
    const FLAGS: &'static [&'static [Known]];
}

/// Those of a table's flags that were given, with their values.
#[derive(Debug, Clone)]
pub(crate) struct Given<T> {
    flags: Vec<(&'static Known, String)>,
    table: PhantomData<fn() -> T>,
}

/// A flag that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{name}={value} is a flag of Thanos that this version does not support yet: leave it out")]
pub(crate) struct NotYet {
    name: &'static str,
    value: String,
}

/// Rows of a table.
pub(crate) const fn not_yet(name: &'static str, kind: Kind, default: &'static str) -> Known {
    Known { name, kind, default, fate: Fate::NotYet }
}

/// See [`not_yet`].
pub(crate) const fn no_effect(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Known {
    Known { name, kind, default, fate: Fate::NoEffect(why) }
}

impl<T: Table> Given<T> {
    fn all() -> impl Iterator<Item = &'static Known> {
        T::FLAGS.iter().copied().flatten()
    }

    /// Refuses what cannot be honoured.
    ///
    /// # Errors
    /// The first flag that asks for something else than its default.
    pub(crate) fn check(&self) -> Result<(), NotYet> {
        let refused = self.flags.iter().find(|(known, value)| known.fate == Fate::NotYet && known.default != value);
        refused.map_or(Ok(()), |(known, value)| Err(NotYet { name: known.name, value: value.clone() }))
    }

    /// Logs what was taken and has no effect.
    pub(crate) fn tell(&self) {
        for (known, value) in &self.flags {
            if let Fate::NoEffect(why) = known.fate {
                info!(flag = known.name, value, why, "a flag is accepted and has no effect");
            }
        }
    }
}

impl Known {
    fn arg(&self) -> Arg {
        let about = match self.fate {
            Fate::NotYet => "Not supported yet: only the default is taken",
            Fate::NoEffect(why) => why,
        };
        let arg = Arg::new(self.name).long(self.name).help(about).hide(true);
        let arg = match self.kind {
            Kind::Value => arg.action(ArgAction::Set).allow_hyphen_values(true),
            Kind::Switch => arg.action(ArgAction::SetTrue),
            Kind::List => arg.action(ArgAction::Append).allow_hyphen_values(true),
        };
        match (self.kind, self.default) {
            (Kind::Switch, "true") => arg.default_value("true"),
            (_, "") | (Kind::Switch, _) => arg,
            (Kind::List, default) => arg.default_values(default.split(',')),
            (Kind::Value, default) => arg.default_value(default),
        }
    }

    fn given(&self, matches: &ArgMatches) -> Option<String> {
        let typed = matches.value_source(self.name) == Some(ValueSource::CommandLine);
        let raw = typed.then(|| matches.get_raw(self.name)).flatten()?;
        Some(raw.map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(","))
    }
}

impl<T: Table> Args for Given<T> {
    fn augment_args(command: Command) -> Command {
        Self::all().fold(command, |command, known| command.arg(known.arg()))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Table> FromArgMatches for Given<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = Self::all().filter_map(|known| Some((known, known.given(matches)?))).collect();
        Ok(Self { flags, table: PhantomData })
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Err(clap::Error::new(ErrorKind::Format))
    }
}

#[cfg(test)]
mod tests;
