//! Reading a command line with clap's model and kingpin's habits.
//!
//! What kingpin does and clap does not: each boolean flag `--x` has a twin `--no-x`; an argument `@file` stands for the lines
//! of that file; help and errors go to stderr. What cannot be part of any command line (an unknown flag, a stray word) exits
//! with 1, a value that does not parse or is missing with 2, as recorded from Thanos.

mod expand;

use clap::builder::{ArgAction, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use std::error::Error;
use std::ffi::OsString;

const NO_SUCH_COMMAND_LINE: u8 = 1;
const BAD_VALUE: u8 = 2;

/// A command line that was read.
#[derive(Debug)]
pub struct CommandLine<T> {
    pub flags: T,
    /// Every flag of the chosen command with its value as typed, or its default; sorted by name, several values joined with
    /// commas. For `/api/v1/status/flags`.
    pub values: Vec<(String, String)>,
}

/// Reading ended otherwise: with help, the version, or an error.
#[derive(Debug, PartialEq, Eq)]
pub struct Exit {
    /// What the process exits with.
    pub code: u8,
    /// What belongs on stderr, with its line end. The last line of an error is the cause.
    pub text: String,
}

/// Reads `args`, the first of which is the program's own name.
///
/// # Errors
/// The text for stderr and the exit code, which is 0 if help or the version was asked for.
pub fn parse<T>(args: impl IntoIterator<Item = OsString>) -> Result<CommandLine<T>, Exit>
where
    T: CommandFactory + FromArgMatches,
{
    let mut command = with_switches(T::command());
    command.build();
    let program = command.get_name().to_owned();
    let refuse = |cause: String| Exit { code: NO_SUCH_COMMAND_LINE, text: format!("{program}: error: {cause}\n") };
    let typed = expand::files(args).map_err(|err| refuse(err.to_string()))?;
    let exit = |command: &Command, err: &clap::Error| exit_for(command, err, || help(T::command(), &typed));
    let args = expand::switches(typed.clone(), &switch_names(&command)).map_err(|err| refuse(err.to_string()))?;
    let matches = command.try_get_matches_from_mut(args).map_err(|err| exit(&command, &err))?;
    let flags = T::from_arg_matches(&matches).map_err(|err| exit(&command, &err))?;
    let mut values = Vec::new();
    collect_values(&command, &matches, &mut values);
    values.sort();
    values.dedup();
    Ok(CommandLine { flags, values })
}

/// Turns every on/off flag into one that holds `true` or `false`, so that it can be set back.
fn with_switches(command: Command) -> Command {
    let switched = |arg: Arg| match arg.get_action() {
        ArgAction::SetTrue => {
            let default = if arg.get_default_values().is_empty() { "false" } else { "true" };
            arg.action(ArgAction::Set)
                .value_parser(ValueParser::bool())
                .num_args(0..=1)
                .require_equals(true)
                .default_value(default)
                .default_missing_value("true")
        }
        _ => arg,
    };
    command.mut_args(switched).mut_subcommands(with_switches)
}

/// The long names of all on/off flags, those of sub-commands too.
fn switch_names(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter(|arg| is_switch(arg)).filter_map(Arg::get_long).map(str::to_owned);
    own.chain(command.get_subcommands().flat_map(switch_names)).collect()
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set) && arg.get_num_args().is_some_and(|number| number.min_values() == 0)
}

fn collect_values(command: &Command, matches: &ArgMatches, out: &mut Vec<(String, String)>) {
    for arg in command.get_arguments() {
        let is_flag = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        if let (Some(name), true, Ok(raw)) = (arg.get_long(), is_flag, matches.try_get_raw(arg.get_id().as_str())) {
            let raw: Vec<_> = raw.into_iter().flatten().map(|value| value.to_string_lossy()).collect();
            out.push((name.to_owned(), raw.join(",")));
        }
    }
    if let Some((name, matches)) = matches.subcommand()
        && let Some(command) = command.find_subcommand(name)
    {
        collect_values(command, matches, out);
    }
}

/// The help of the command that `args` name, with on/off flags shown as `--[no-]x`.
fn help(command: Command, args: &[OsString]) -> String {
    let mut command = with_both_forms(command);
    command.build();
    for arg in args.iter().filter_map(|arg| arg.to_str()) {
        if let Some(named) = command.find_subcommand(arg) {
            command = named.clone();
        }
    }
    command.render_help().to_string()
}

fn with_both_forms(command: Command) -> Command {
    let shown = |arg: Arg| match (arg.get_action(), arg.get_long()) {
        (ArgAction::SetTrue, Some(name)) => {
            let both = format!("[no-]{name}");
            arg.long(both)
        }
        _ => arg,
    };
    command.mut_args(shown).mut_subcommands(with_both_forms)
}

fn exit_for(command: &Command, err: &clap::Error, help: impl FnOnce() -> String) -> Exit {
    let program = command.get_name();
    let refuse = |cause: String| Exit { code: NO_SUCH_COMMAND_LINE, text: format!("{program}: error: {cause}\n") };
    let bad_value = |help: String, cause: String| {
        // The cause is the last line, whatever was typed.
        let cause = cause.replace('\n', "\\n");
        Exit { code: BAD_VALUE, text: format!("{help}\nerror parsing commandline arguments: {cause}\n") }
    };
    let flag = context(err, ContextKind::InvalidArg);
    let flag_name = flag.split(' ').next().unwrap_or_default();
    let advice = context(err, ContextKind::SuggestedArg);
    let advice = if advice.is_empty() { String::new() } else { format!(", did you mean '{advice}'?") };
    match err.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Exit { code: 0, text: help() },
        ErrorKind::DisplayVersion => {
            let version = command.get_long_version().or(command.get_version()).unwrap_or_default();
            Exit { code: 0, text: format!("{version}\n") }
        }
        ErrorKind::InvalidSubcommand => {
            let given = context(err, ContextKind::InvalidSubcommand);
            let commands: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
            refuse(format!("expected command but got {given:?}; commands: {}", commands.join(", ")))
        }
        ErrorKind::MissingSubcommand => refuse("must select a subcommand".to_owned()),
        ErrorKind::UnknownArgument if flag.starts_with("--") => refuse(format!("unknown long flag '{flag}'{advice}")),
        ErrorKind::UnknownArgument if flag.starts_with('-') => refuse(format!("unknown short flag '{flag}'")),
        ErrorKind::UnknownArgument => refuse(format!("unexpected {flag}")),
        ErrorKind::ArgumentConflict => {
            bad_value(help(), format!("flag '{}' cannot be repeated", flag_name.trim_start_matches('-')))
        }
        ErrorKind::MissingRequiredArgument => {
            bad_value(help(), format!("required flag(s) {} not provided", required(err)))
        }
        ErrorKind::InvalidValue if context(err, ContextKind::InvalidValue).is_empty() => {
            refuse(format!("expected argument for flag '{flag_name}'"))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let given = context(err, ContextKind::InvalidValue);
            let cause = err.source().map_or_else(|| format!("{given:?} is none of its values"), ToString::to_string);
            bad_value(help(), format!("{flag_name}: {cause}"))
        }
        _ => bad_value(help(), err.render().to_string().trim_end().replace('\n', " ")),
    }
}

fn context(err: &clap::Error, kind: ContextKind) -> String {
    match err.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

fn required(err: &clap::Error) -> String {
    let Some(ContextValue::Strings(flags)) = err.get(ContextKind::InvalidArg) else {
        return String::new();
    };
    let names = flags.iter().map(|flag| format!("'{}'", flag.split([' ', '=']).next().unwrap_or(flag)));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
