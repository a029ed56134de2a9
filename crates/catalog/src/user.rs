//! Users and their passwords.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};

use crate::limits::Limits;
use crate::name::Name;

const SALT_BYTES: usize = 4;

/// Somebody who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name to connect with.
    pub name: Name,
    /// What else it may do.
    pub tags: Vec<Tag>,
    /// May connect from this machine only.
    pub loopback_only: bool,
    /// How much it may have.
    pub limits: Limits,
    password: Option<PasswordHash>,
    /// Of its znode.
    pub(crate) version: i32,
}

/// What a user may do beside its permissions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// Everything.
    Administrator,
    /// See everything.
    Monitoring,
    /// Set policies.
    Policymaker,
    /// Use the management interface.
    Management,
    /// Publish in the name of others.
    Impersonator,
    /// Means something to somebody else.
    Other(String),
}

impl Tag {
    /// From its name.
    pub fn parse(name: &str) -> Self {
        match name {
            "administrator" => Tag::Administrator,
            "monitoring" => Tag::Monitoring,
            "policymaker" => Tag::Policymaker,
            "management" => Tag::Management,
            "impersonator" => Tag::Impersonator,
            other => Tag::Other(other.to_owned()),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Tag::Administrator => "administrator",
            Tag::Monitoring => "monitoring",
            Tag::Policymaker => "policymaker",
            Tag::Management => "management",
            Tag::Impersonator => "impersonator",
            Tag::Other(name) => name,
        }
    }
}

/// The hash of a password, as RabbitMQ's definitions have it: four bytes of salt, then the hash of salt and password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    algorithm: Algorithm,
    salted: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Algorithm {
    #[default]
    #[serde(rename = "rabbit_password_hashing_sha256")]
    Sha256,
    #[serde(rename = "rabbit_password_hashing_sha512")]
    Sha512,
}

impl Algorithm {
    fn hash(self, salt: &[u8], password: &[u8]) -> Vec<u8> {
        match self {
            Algorithm::Sha256 => Sha256::new().chain_update(salt).chain_update(password).finalize().to_vec(),
            Algorithm::Sha512 => Sha512::new().chain_update(salt).chain_update(password).finalize().to_vec(),
        }
    }
}

impl PasswordHash {
    /// Of a password, with a salt that was never used before.
    pub fn new(password: &[u8], entropy: &dyn runtime::Entropy) -> Self {
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let algorithm = Algorithm::default();
        Self { algorithm, salted: [&salt[..], &algorithm.hash(&salt, password)].concat() }
    }

    /// From what RabbitMQ exports: base64, and the name of the algorithm.
    pub fn import(base64: &str, algorithm: Option<&str>) -> Option<Self> {
        let algorithm = match algorithm {
            None | Some("rabbit_password_hashing_sha256") => Algorithm::Sha256,
            Some("rabbit_password_hashing_sha512") => Algorithm::Sha512,
            Some(_) => return None,
        };
        Self::of(algorithm, base64)
    }

    fn of(algorithm: Algorithm, base64: &str) -> Option<Self> {
        let salted = STANDARD.decode(base64).ok()?;
        let expected = SALT_BYTES + algorithm.hash(b"", b"").len();
        (salted.len() == expected).then_some(Self { algorithm, salted })
    }

    /// As RabbitMQ exports it.
    pub fn export(&self) -> String {
        STANDARD.encode(&self.salted)
    }

    /// The name that RabbitMQ has for its algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Sha256 => "rabbit_password_hashing_sha256",
            Algorithm::Sha512 => "rabbit_password_hashing_sha512",
        }
    }

    /// Whether it is the hash of this password. Does not tell by its duration where they differ.
    pub fn matches(&self, password: &[u8]) -> bool {
        let (salt, expected) = self.salted.split_at(SALT_BYTES);
        let found = self.algorithm.hash(salt, password);
        expected.iter().zip(&found).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }
}

/// Hashes do not belong in logs.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHash({:?}, ..)", self.algorithm)
    }
}

impl User {
    /// What its znode holds.
    pub(crate) fn record(&self) -> Record {
        Record::new(self.password.as_ref(), &self.tags, self.loopback_only).limited(self.limits.clone())
    }

    /// Whether this is the user's password. Somebody without a password has none that is right.
    pub fn check_password(&self, password: &[u8]) -> bool {
        self.password.as_ref().is_some_and(|hash| hash.matches(password))
    }

    /// The hash of its password, for export.
    pub fn password_hash(&self) -> Option<&PasswordHash> {
        self.password.as_ref()
    }

    /// Whether it has a tag.
    pub fn has(&self, tag: &Tag) -> bool {
        self.tags.contains(tag)
    }
}

/// What a user's znode holds.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    #[serde(default)]
    hashing_algorithm: Algorithm,
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    loopback_only: bool,
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    limits: Limits,
}

impl Record {
    pub(crate) fn new(password: Option<&PasswordHash>, tags: &[Tag], loopback_only: bool) -> Self {
        Self {
            format: crate::place::FORMAT,
            password_hash: password.map(PasswordHash::export),
            hashing_algorithm: password.map_or_else(Algorithm::default, |hash| hash.algorithm),
            tags: tags.iter().map(|tag| tag.name().to_owned()).collect(),
            loopback_only,
            limits: Limits::default(),
        }
    }

    /// With these limits.
    pub(crate) fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn into_user(self, name: Name, version: i32) -> Option<User> {
        let password = match &self.password_hash {
            None => None,
            Some(hash) => Some(PasswordHash::of(self.hashing_algorithm, hash)?),
        };
        let tags = self.tags.iter().map(|tag| Tag::parse(tag)).collect();
        Some(User { name, tags, loopback_only: self.loopback_only, limits: self.limits, password, version })
    }
}

#[cfg(test)]
mod tests {
    use runtime::SeededEntropy;

    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let entropy = SeededEntropy::new(1);
        let hash = PasswordHash::new(b"secret", &entropy);
        assert!(hash.matches(b"secret"));
        assert!(!hash.matches(b"Secret"));
        assert!(!hash.matches(b""));
        assert_ne!(hash, PasswordHash::new(b"secret", &entropy), "salts differ");
    }

    /// The example of RabbitMQ's documentation of its algorithm: password test12, salt 908DC60A.
    #[test]
    fn hashes_of_rabbitmq_are_understood() {
        let hash = PasswordHash::import("kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR", None).unwrap();
        assert!(hash.matches(b"test12"));
        assert_eq!(hash.export(), "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
        assert_eq!(PasswordHash::import("AAAA", None), None);
        assert_eq!(PasswordHash::import(&hash.export(), Some("rabbit_password_hashing_md5")), None);
    }

    #[test]
    fn records_survive_and_debug_shows_no_hash() {
        let hash = PasswordHash::new(b"secret", &SeededEntropy::new(1));
        let record = Record::new(Some(&hash), &[Tag::Administrator, Tag::Other("team-a".into())], true);
        let json = serde_json::to_string(&record).unwrap();
        let user = serde_json::from_str::<Record>(&json).unwrap().into_user("u".into(), 3).unwrap();
        assert!(user.check_password(b"secret") && user.loopback_only && user.has(&Tag::Administrator));
        assert!(!format!("{user:?}").contains(&hash.export()));
    }
}
