//! Which servers, as whom, and how patiently.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use client::{Client, ConnectString, Identity, Options, OwnFiles, TlsFiles};
use runtime::Runtime;

use super::Session;
use crate::failure::Failure;
use crate::identities;

#[derive(clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Servers of one ensemble, tried in random order; paths are relative to CHROOT.
    #[arg(
        long,
        env = "QUORATE_SERVER",
        default_value = "127.0.0.1:2181",
        value_name = "HOST:PORT[,...][/CHROOT]",
        global = true
    )]
    server: String,
    /// Digest identity; other users of this machine can read it here, so rather give it in the variable or in a file.
    #[arg(long, env = "QUORATE_AUTH", hide_env_values = true, value_name = "USER:PASSWORD", global = true)]
    auth: Option<String>,
    /// File with digest identities, a USER:PASSWORD a line.
    #[arg(long, env = "QUORATE_AUTH_FILE", value_name = "FILE", global = true)]
    auth_file: Option<PathBuf>,
    /// The largest request to send, in bytes: as jute.maxbuffer, or request-bytes-max, of the servers.
    #[arg(long, default_value_t = Options::default().request_bytes_max, value_name = "BYTES", global = true)]
    request_bytes_max: usize,
    /// TLS: the authorities, in PEM, that a server's certificate must come from; it must be made out to HOST.
    #[arg(long, value_name = "FILE", global = true)]
    tls_ca: Option<PathBuf>,
    /// Certificate to show to servers, in PEM, with what leads from it to an authority.
    #[arg(long, value_name = "FILE", global = true)]
    tls_cert: Option<PathBuf>,
    /// Key of that certificate, in PEM, not encrypted.
    #[arg(long, value_name = "FILE", global = true)]
    tls_key: Option<PathBuf>,
    /// How many seconds to wait for a server, at the start and whenever the connection is lost.
    #[arg(long, default_value_t = 15.0, value_name = "SECONDS", global = true)]
    timeout: f64,
}

impl Connection {
    /// Finds what is wrong with them.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.target().map_err(|error| Failure::Usage(format!("--server: {error}")))?;
        self.tls()?;
        if !(self.timeout > 0.0 && self.timeout < 1e6) {
            return Err(Failure::Usage(format!(
                "--timeout: {} is no number of seconds above 0",
                self.timeout
            )));
        }
        Ok(())
    }

    /// What the flags for TLS mean together.
    fn tls(&self) -> Result<Option<TlsFiles>, Failure> {
        let own = match (&self.tls_cert, &self.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(OwnFiles { certificate: certificate.clone(), key: key.clone() })
            }
            _ => return Err(Failure::Usage("--tls-cert and --tls-key go together".into())),
        };
        match &self.tls_ca {
            Some(authorities) => Ok(Some(TlsFiles { authorities: authorities.clone(), own })),
            None if own.is_none() => Ok(None),
            None => Err(Failure::Usage(
                "--tls-cert needs --tls-ca, the authorities of the servers' certificates".into(),
            )),
        }
    }

    fn target(&self) -> Result<ConnectString, client::AddressError> {
        self.server.parse()
    }

    /// A session with the first server that takes it.
    pub(super) async fn open(&self, json: bool) -> Result<Session> {
        let target = self.target()?;
        let runtime = Runtime::system();
        let (server, options) = self.session()?;
        let client = Client::connect(&runtime, server, options).await?;
        let is_whole_tree = target.chroot.is_empty();
        Ok(Session { runtime, client, servers: target.to_string(), is_whole_tree, json })
    }

    /// The connect string, and how sessions are to be.
    pub(crate) fn session(&self) -> Result<(&str, Options)> {
        let options = Options {
            patience: Duration::from_secs_f64(self.timeout),
            identities: self.identities()?,
            request_bytes_max: self.request_bytes_max,
            tls: self.tls().map_err(|failure| anyhow::anyhow!("{failure}"))?,
            ..Options::default()
        };
        Ok((&self.server, options))
    }

    fn identities(&self) -> Result<Vec<Identity>> {
        let shown = identities::read(self.auth_file.as_deref(), self.auth.as_deref())?;
        Ok(shown.iter().map(|(user, password)| Identity::digest(user, password)).collect())
    }
}
