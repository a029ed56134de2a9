//! Which users certificates are for.

use runtime::Subject;

/// What of a certificate's subject is the name of a user: RabbitMQ's `ssl_cert_login_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CertificateName {
    /// All of it, as RabbitMQ writes names: `CN=jobs,O=Example`.
    #[default]
    Distinguished,
    /// The common name. Several have commas between.
    Common,
}

impl CertificateName {
    /// Reads the words of RabbitMQ's setting.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "distinguished_name" => Some(Self::Distinguished),
            "common_name" => Some(Self::Common),
            _ => None,
        }
    }

    /// The user's name, if the subject has one.
    pub(crate) fn of(self, subject: &Subject) -> Option<&str> {
        match self {
            Self::Distinguished => Some(&subject.distinguished),
            Self::Common => subject.common.as_deref(),
        }
    }
}
