//! Who asks, and what that user may do.

use std::sync::Arc;

use amqp::{Authenticator, CatalogUsers, Claim, Credentials};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request;
use axum::http::{Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use catalog::{Access, Action, Catalog, CatalogError, Name, Queue, Rule, Tag, Target, Topology, User, Vhost};

use super::super::Peer;
use super::Refusal;
use crate::data::DataPlane;
use crate::node::Parts;

/// A user that has shown its password, and what exists as it comes.
pub(super) struct Caller {
    pub(super) parts: Arc<Parts>,
    pub(super) data: Arc<DataPlane>,
    pub(super) topology: Arc<Topology>,
    pub(super) user: Arc<User>,
}

impl FromRequestParts<Arc<Parts>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(request: &mut request::Parts, parts: &Arc<Parts>) -> Result<Self, Refusal> {
        let data = parts.data.clone().ok_or_else(Refusal::not_found)?;
        if request.method != Method::GET && is_of_another_site(request) {
            return Err(Refusal::forbidden("a page of another site may not change anything"));
        }
        let peer = request.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(Peer(peer))| *peer);
        let (Some((user, password)), Some(peer)) = (shown(request), peer) else {
            return Err(Refusal::not_authorised("Login failed"));
        };
        let credentials = Credentials::Password { user: user.clone(), password };
        let claim = Claim { credentials, peer, certified: None };
        let authenticated = CatalogUsers(data.catalog.clone()).authenticate(claim).await;
        if let Err(why) = authenticated {
            tracing::warn!(%why, %peer, "a request to the management API was refused");
            return Err(Refusal::not_authorised("Login failed"));
        }
        let topology = data.catalog.topology();
        let user = topology.user(user.as_bytes()).cloned();
        let user = user.ok_or_else(|| Refusal::not_authorised("Login failed"))?;
        let may_enter = [Tag::Administrator, Tag::Monitoring, Tag::Policymaker, Tag::Management];
        if !may_enter.iter().any(|tag| user.has(tag)) {
            return Err(Refusal::not_authorised("Not management user"));
        }
        Ok(Self { parts: parts.clone(), data, topology, user })
    }
}

/// Browsers show passwords they know to whoever asks, but they say for whom.
fn is_of_another_site(request: &request::Parts) -> bool {
    let site = request.headers.get("sec-fetch-site").map(|site| site.as_bytes());
    matches!(site, Some(b"cross-site" | b"same-site"))
}

/// User and password of HTTP's basic authentication.
fn shown(request: &request::Parts) -> Option<(String, Vec<u8>)> {
    let shown = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = shown.split_once(' ')?;
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(encoded.trim()).ok())??;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((user, decoded[colon + 1..].to_vec()))
}

impl Caller {
    pub(super) fn catalog(&self) -> &Catalog {
        &self.data.catalog
    }

    pub(super) fn server(&self) -> &amqp::Server {
        &self.data.amqp
    }

    /// Whether it sees what belongs to others.
    pub(super) fn sees_all(&self) -> bool {
        self.user.has(&Tag::Administrator) || self.user.has(&Tag::Monitoring)
    }

    pub(super) fn must_see_all(&self) -> Result<(), Refusal> {
        if self.sees_all() { Ok(()) } else { Err(Refusal::not_authorised("Not monitor user")) }
    }

    pub(super) fn must_be_administrator(&self) -> Result<(), Refusal> {
        let is_administrator = self.user.has(&Tag::Administrator);
        if is_administrator { Ok(()) } else { Err(Refusal::not_authorised("Not administrator user")) }
    }

    /// The virtual hosts that it sees.
    pub(super) fn vhosts(&self) -> Vec<&Arc<Vhost>> {
        let mut vhosts = self.topology.vhosts();
        vhosts.retain(|vhost| self.sees_all() || vhost.permission(&self.user.name).is_some());
        vhosts
    }

    /// A virtual host to look at.
    pub(super) fn vhost(&self, name: &str) -> Result<&Arc<Vhost>, Refusal> {
        let vhost = self.topology.vhost(name.as_bytes()).ok_or_else(Refusal::not_found)?;
        if self.sees_all() || vhost.permission(&self.user.name).is_some() {
            return Ok(vhost);
        }
        Err(Refusal::not_authorised("User not authorised to access virtual host"))
    }

    /// A queue to look at.
    pub(super) fn queue(&self, vhost: &str, queue: &str) -> Result<(&Arc<Vhost>, &Arc<Queue>), Refusal> {
        let vhost = self.vhost(vhost)?;
        Ok((vhost, vhost.queue(queue.as_bytes()).ok_or_else(Refusal::not_found)?))
    }

    /// A queue to change. Those of a connection alone are not for others.
    pub(super) fn open_queue(
        &self,
        vhost: &str,
        queue: &str,
        action: Action,
    ) -> Result<&Arc<Queue>, Refusal> {
        let (vhost, queue) = self.queue(vhost, queue)?;
        self.check(vhost, action, Target::Queue(&queue.name))?;
        if queue.exclusive.is_some() {
            return Err(CatalogError::Locked(queue.resource()).into());
        }
        Ok(queue)
    }

    /// Whether it may do something with a routing key of a topic exchange.
    pub(super) fn check_topic(
        &self,
        vhost: &Vhost,
        action: Action,
        exchange: &[u8],
        key: &str,
    ) -> Result<(), Refusal> {
        let Some(found) = vhost.exchange(exchange).filter(|found| found.kind.rule == Rule::Topic) else {
            return Ok(());
        };
        let mut access = Access::new(self.user.name.clone(), String::new());
        Ok(access.check_topic(vhost, action, &found.name, key.as_bytes())?)
    }

    /// Whether its permissions in a virtual host let it do something.
    pub(super) fn check(&self, vhost: &Vhost, action: Action, target: Target<'_>) -> Result<(), Refusal> {
        let mut access = Access::new(self.user.name.clone(), String::new());
        access.enter(&self.topology, &vhost.name)?;
        Ok(access.check(vhost, action, target)?)
    }
}

/// A name from a path.
pub(super) fn name(text: &str) -> Name {
    Name::from(text)
}
