//! Who may do what no access list covers.

use std::net::{IpAddr, Ipv4Addr};

use super::Server;
use super::auth::{Who, authenticate, is_superuser};
use crate::codec::Auth;

/// Somebody is not the superuser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSuperuser {
    /// No identity was shown, or none that can be read.
    #[error("only the superuser may: send the header \"Authorization: digest USER:PASSWORD\"")]
    Unnamed,
    /// Another identity was shown.
    #[error("only the superuser may, and this is not the superuser's name and password")]
    Other,
    /// There is no superuser.
    #[error("only the superuser may, and this node knows none; start it with --super-digest")]
    Nobody,
}

impl Server {
    /// Whether who sends this HTTP header `Authorization` is the superuser. It has the form that ZooKeeper's AdminServer takes:
    /// `digest USER:PASSWORD`.
    pub fn check_superuser(&self, authorization: Option<&[u8]>) -> Result<(), NotSuperuser> {
        let super_digest = self.config.super_digest.as_deref().ok_or(NotSuperuser::Nobody)?;
        let password =
            authorization.and_then(|shown| shown.strip_prefix(b"digest ")).ok_or(NotSuperuser::Unnamed)?;
        let who = Who::at(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let shown = authenticate(&Auth { kind: 0, scheme: "digest", auth: Some(password) }, &who);
        let is_super = shown.is_some_and(|identity| is_superuser(&identity, Some(super_digest)));
        is_super.then_some(()).ok_or(NotSuperuser::Other)
    }
}
