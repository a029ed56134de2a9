//! Four-letter words: a client sends four letters instead of a frame, and reads text until the end.

mod about;
mod connections;
mod monitor;
mod sessions;
mod status;
mod watches;

use std::str::FromStr;

use thiserror::Error;
pub(crate) use watches::watchers_by_path;

use crate::serve::Server;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A word that this server can answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Word {
            $($(#[$doc])* $name,)*
        }

        impl Word {
            /// All of them.
            pub const ALL: &[Word] = &[$(Word::$name,)*];

            /// The four letters.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Word::$name => $text,)*
                }
            }
        }
    };
}

words! {
    /// Whether the process answers.
    Ruok = "ruok",
    /// The server in short.
    Srvr = "srvr",
    /// The server and its clients in short.
    Stat = "stat",
    /// Numbers for monitoring.
    Mntr = "mntr",
    /// Whether writes are served.
    Isro = "isro",
    /// What the server runs on.
    Envi = "envi",
    /// The configuration.
    Conf = "conf",
    /// The connections in full.
    Cons = "cons",
    /// How much is watched.
    Wchs = "wchs",
    /// What each session watches.
    Wchc = "wchc",
    /// Who watches each path.
    Wchp = "wchp",
    /// Sessions and their ephemerals.
    Dump = "dump",
    /// Begins the counts of every connection anew.
    Crst = "crst",
    /// Begins the counts of the server anew.
    Srst = "srst",
    /// Bytes on disk.
    Dirs = "dirs",
    /// Digests of the tree, of which there are none.
    Hash = "hash",
}

/// Words of ZooKeeper that this server knows as words, but does not answer.
const OTHERS: [&str; 2] = ["gtmk", "stmk"];

/// What was given is not a four-letter word that this server answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is not a four-letter word of this server; it answers ruok, srvr, stat, mntr, isro, envi, conf, cons, \
     wchs, wchc, wchp, dump, crst, srst, dirs, hash"
)]
pub struct UnknownWord(pub String);

impl FromStr for Word {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let word = Word::ALL.iter().find(|word| word.text() == text);
        word.copied().ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests\n";

/// The answer to the first four bytes of a connection, or `None` if they are not a word but the length of a frame.
pub(crate) fn answer(server: &Server, prefix: [u8; 4]) -> Option<String> {
    let text = std::str::from_utf8(&prefix).ok()?;
    match text.parse::<Word>() {
        Ok(word) if server.config.words.contains(&word) => Some(answer_word(server, word)),
        Err(_) if !OTHERS.contains(&text) => None,
        _ => Some(format!("{text} is not executed because it is not in the whitelist.\n")),
    }
}

fn answer_word(server: &Server, word: Word) -> String {
    let status = server.control.serving_status();
    match (word, status) {
        (Word::Ruok, _) => "imok".to_owned(),
        (Word::Envi, _) => about::envi(),
        (Word::Conf, status) => about::conf(server, status.as_ref()),
        (Word::Isro, Some(_)) => "rw".to_owned(),
        (Word::Isro, None) => "null".to_owned(),
        (_, None) => NOT_SERVING.to_owned(),
        (Word::Srvr, Some(status)) => status::srvr(server, status.role),
        (Word::Stat, Some(status)) => status::stat(server, status.role),
        (Word::Mntr, Some(status)) => monitor::mntr(server, &status),
        (Word::Cons, Some(_)) => connections::cons(server),
        (Word::Wchs, Some(_)) => watches::wchs(server),
        (Word::Wchc, Some(_)) => watches::wchc(server),
        (Word::Wchp, Some(_)) => watches::wchp(server),
        (Word::Dump, Some(_)) => sessions::dump(server),
        (Word::Crst, Some(_)) => connections::crst(server),
        (Word::Srst, Some(_)) => status::srst(server),
        (Word::Dirs, Some(_)) => about::dirs(server),
        // ZooKeeper lists a digest of its tree every so many transactions; this server takes none.
        (Word::Hash, Some(_)) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_four_letters_and_parse() {
        for word in Word::ALL {
            assert_eq!(word.text().len(), 4);
            assert_eq!(word.text().parse(), Ok(*word));
        }
        assert_eq!("nope".parse::<Word>(), Err(UnknownWord("nope".to_owned())));
    }
}
