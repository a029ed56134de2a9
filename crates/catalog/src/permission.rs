//! What users may do in a virtual host.
//!
//! As in RabbitMQ, a pattern is searched for anywhere in a name, and an empty one allows only the empty name. The patterns are those of
//! the crate `regex`: without look-around and back-references, so that no pattern takes long.

use std::borrow::Cow;

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

/// What one does with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make and delete.
    Configure,
    /// Publish to, bind to something.
    Write,
    /// Consume, bind from.
    Read,
}

impl Action {
    /// As error texts name it.
    pub const fn word(self) -> &'static str {
        match self {
            Action::Configure => "configure",
            Action::Write => "write",
            Action::Read => "read",
        }
    }
}

/// A user's permissions in a virtual host.
#[derive(Clone, Debug)]
pub struct Permission {
    configure: Pattern,
    write: Pattern,
    read: Pattern,
    record: Record,
}

#[derive(Clone, Debug)]
enum Pattern {
    /// The empty pattern: only what has no name.
    Nothing,
    /// `.*` and the like, which need no search.
    Everything,
    Search(Regex),
}

impl Pattern {
    fn new(pattern: &str) -> Result<Self, regex::Error> {
        Ok(match pattern {
            "" => Pattern::Nothing,
            ".*" | "^.*$" | "^.*" | ".*$" => Pattern::Everything,
            _ => Pattern::Search(Regex::new(pattern)?),
        })
    }

    fn permits(&self, name: &[u8]) -> bool {
        match self {
            Pattern::Nothing => name.is_empty(),
            Pattern::Everything => true,
            Pattern::Search(regex) => regex.is_match(name),
        }
    }
}

/// What a permission's znode holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    pub(crate) configure: String,
    pub(crate) write: String,
    pub(crate) read: String,
}

impl Permission {
    pub(crate) fn new(configure: &str, write: &str, read: &str) -> Result<Self, regex::Error> {
        Ok(Self {
            configure: Pattern::new(configure)?,
            write: Pattern::new(write)?,
            read: Pattern::new(read)?,
            record: Record {
                format: crate::place::FORMAT,
                configure: configure.to_owned(),
                write: write.to_owned(),
                read: read.to_owned(),
            },
        })
    }

    pub(crate) fn of(record: Record) -> Option<Self> {
        Self::new(&record.configure, &record.write, &record.read).ok()
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// The pattern for an action, as it was given.
    pub fn pattern(&self, action: Action) -> &str {
        match action {
            Action::Configure => &self.record.configure,
            Action::Write => &self.record.write,
            Action::Read => &self.record.read,
        }
    }

    /// Whether something may be done with what has this name. The default exchange's is `amq.default`.
    pub fn permits(&self, action: Action, name: &[u8]) -> bool {
        let pattern = match action {
            Action::Configure => &self.configure,
            Action::Write => &self.write,
            Action::Read => &self.read,
        };
        pattern.permits(name)
    }
}

/// What a user may do with the routing keys of an exchange. In its patterns `{username}`, `{vhost}` and `{client_id}` stand for those of
/// the connection, so that they are patterns only for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPermission {
    record: TopicRecord,
}

/// What its znode holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TopicRecord {
    pub(crate) format: u32,
    pub(crate) write: String,
    pub(crate) read: String,
}

impl TopicPermission {
    pub(crate) fn new(write: &str, read: &str) -> Result<Self, regex::Error> {
        let values = Variables { user: "u", vhost: "v", client_id: "c" };
        for pattern in [write, read] {
            Pattern::new(&values.fill(pattern))?;
        }
        let format = crate::place::FORMAT;
        Ok(Self { record: TopicRecord { format, write: write.to_owned(), read: read.to_owned() } })
    }

    pub(crate) fn of(record: TopicRecord) -> Option<Self> {
        Self::new(&record.write, &record.read).ok()
    }

    pub(crate) fn record(&self) -> &TopicRecord {
        &self.record
    }

    /// The pattern for publishing, or for reading and binding, as it was given.
    pub fn pattern(&self, action: Action) -> &str {
        match action {
            Action::Write => &self.record.write,
            Action::Configure | Action::Read => &self.record.read,
        }
    }

    /// For a connection.
    pub fn for_connection(&self, variables: &Variables<'_>) -> Topics {
        let pattern = |text: &str| Pattern::new(&variables.fill(text)).unwrap_or(Pattern::Nothing);
        Topics { write: pattern(&self.record.write), read: pattern(&self.record.read) }
    }
}

/// What patterns may name.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a> {
    /// For `{username}`.
    pub user: &'a str,
    /// For `{vhost}`.
    pub vhost: &'a str,
    /// For `{client_id}`.
    pub client_id: &'a str,
}

impl Variables<'_> {
    /// What is put in is taken literally.
    fn fill<'p>(&self, pattern: &'p str) -> Cow<'p, str> {
        let mut filled = Cow::Borrowed(pattern);
        for (variable, value) in
            [("{username}", self.user), ("{vhost}", self.vhost), ("{client_id}", self.client_id)]
        {
            if filled.contains(variable) {
                filled = Cow::Owned(filled.replace(variable, &regex::escape(value)));
            }
        }
        filled
    }
}

/// What a connection may do with the routing keys of an exchange.
#[derive(Clone, Debug)]
pub struct Topics {
    write: Pattern,
    read: Pattern,
}

impl Topics {
    /// Whether something may be done with a routing key.
    pub fn permits(&self, action: Action, key: &[u8]) -> bool {
        match action {
            Action::Write => self.write.permits(key),
            Action::Configure | Action::Read => self.read.permits(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_searched_for_and_the_empty_one_is_nothing() {
        let permission = Permission::new("^tasks-", "", ".*").unwrap();
        assert!(permission.permits(Action::Configure, b"tasks-1"));
        assert!(!permission.permits(Action::Configure, b"my-tasks-1"));
        assert!(!permission.permits(Action::Write, b"tasks-1"));
        assert!(permission.permits(Action::Write, b""));
        assert!(permission.permits(Action::Read, b"any\xff"));
        let permission = Permission::new("tasks", "", "").unwrap();
        assert!(permission.permits(Action::Configure, b"my-tasks-1"));
    }

    #[test]
    fn variables_are_literal() {
        let topics = TopicPermission::new("^{username}\\.", "^{vhost}$").unwrap();
        let topics = topics.for_connection(&Variables { user: "a.b", vhost: "v+", client_id: "" });
        assert!(topics.permits(Action::Write, b"a.b.c"));
        assert!(!topics.permits(Action::Write, b"axb.c"));
        assert!(topics.permits(Action::Read, b"v+"));
        assert!(!topics.permits(Action::Read, b"vv"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert!(Permission::new("(", "", "").is_err());
        assert!(Permission::new("^(?!amq\\.)", "", "").is_err());
        assert!(TopicPermission::new("(", "").is_err());
    }
}
