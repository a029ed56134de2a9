//! From the first byte to an open connection.

use std::sync::Arc;

use catalog::{Access, ExclusiveOwner, Name};
use parking_lot::Mutex;
use runtime::Subject;

use super::Server;
use super::registry::ConnectionInfo;
use super::wire::{Progress, Wire};
use crate::auth::{Claim, User};
use crate::broker::{Desk, Parts, Session};
use crate::connection::{Connection, Event, Login, Over};
use crate::ending::Ending;
use crate::fault::Fault;

/// Opens a connection with a client.
pub(super) async fn open(
    server: &Arc<Server>,
    wire: &mut Wire,
    info: &Arc<ConnectionInfo>,
    subject: Option<Subject>,
) -> Result<Session, Ending> {
    let mut connection = Connection::new(Arc::clone(&server.config), subject.is_some());
    let certified =
        subject.and_then(|subject| server.config.certificate_name.of(&subject).map(str::to_owned));
    let mut user = None;
    loop {
        let now = server.runtime.clock.now();
        match connection.take(&mut wire.input, now, &mut wire.output) {
            None => receive(wire).await?,
            Some(Event::Login(login)) => {
                let mechanism = login.mechanism;
                let admitted = log_in(server, &mut connection, login, info, certified.clone(), wire).await?;
                info.update(|state| {
                    state.mechanism = Some(mechanism);
                    state.user = Some(admitted.name.to_string());
                    state.name = connection.client().name.clone();
                    state.product = connection.client().product.clone();
                });
                user = Some(admitted);
            }
            Some(Event::Open { vhost }) => {
                let user = user.expect("a connection is opened by a user that was admitted");
                return enter(server, connection, user, vhost, info, wire);
            }
            Some(Event::Over(Over::Stranger(opening))) => return Err(Ending::Stranger(opening)),
            Some(Event::Over(Over::Refused(why))) => return Err(Ending::BadHandshake(why)),
            Some(Event::Failed(fault)) => return Err(Ending::Fault(fault)),
            Some(Event::Ending) => {
                connection.end(&mut wire.output);
                return Err(Ending::Closed);
            }
            Some(_) => return Err(Ending::Closed),
        }
    }
}

async fn receive(wire: &mut Wire) -> Result<(), Ending> {
    match wire.progress(true).await? {
        Progress::Read | Progress::Flushed => Ok(()),
        Progress::Eof => Err(Ending::Eof),
    }
}

async fn log_in(
    server: &Server,
    connection: &mut Connection,
    login: Login,
    info: &ConnectionInfo,
    certified: Option<String>,
    wire: &mut Wire,
) -> Result<User, Ending> {
    server.metrics.logins.add(1);
    let Login { credentials, mechanism } = login;
    let Some(credentials) = credentials else {
        server.metrics.logins_refused.add(1);
        connection.refuse(&mut wire.output);
        return Err(Ending::UnreadableLogin(mechanism));
    };
    match server.authenticator.authenticate(Claim { credentials, peer: info.peer, certified }).await {
        Ok(user) => {
            connection.admit(&user.name, &mut wire.output);
            Ok(user)
        }
        Err(why) => {
            server.metrics.logins_refused.add(1);
            connection.refuse(&mut wire.output);
            Err(Ending::LoginRefused { mechanism, why })
        }
    }
}

/// Lets a user into a virtual host.
fn enter(
    server: &Arc<Server>,
    mut connection: Connection,
    user: User,
    vhost: String,
    info: &ConnectionInfo,
    wire: &mut Wire,
) -> Result<Session, Ending> {
    let topology = server.catalog.topology();
    let user_name = Name::from(&*user.name);
    let mut refuse = |connection: &mut Connection, fault: Fault| {
        connection.refuse_open(fault.clone(), &mut wire.output);
        Ending::Fault(fault)
    };
    let access = Access::new(user_name, String::new());
    let found = match access.enter(&topology, &Name::from(vhost.as_str())) {
        Ok(found) => found,
        Err(error) => return Err(refuse(&mut connection, error.into())),
    };
    if let Err(error) = server.check_connection_limits(access.user(), &found.name) {
        return Err(refuse(&mut connection, error.into()));
    }
    connection.limit_channels(Box::new(server.channel_gate(access.user().clone(), info.number)));
    let Some(link) = server.shards.connect() else {
        let fault = Fault::internal_error("this node is cut off from its cluster; try another node");
        return Err(refuse(&mut connection, fault));
    };
    info.update(|state| state.vhost = Some(vhost.clone()));
    let desk = Desk {
        config: Arc::clone(&server.config),
        catalog: Arc::clone(&server.catalog),
        shards: Arc::clone(&server.shards),
        entropy: Arc::clone(&server.runtime.entropy),
        clock: server.runtime.clock.clone(),
        user,
        vhost: found.name.clone(),
        owner: ExclusiveOwner { session: link.consumer().owner.0, connection: info.number },
        calls: Mutex::default(),
    };
    connection.open(&mut wire.output);
    Ok(Session::new(Parts {
        connection,
        desk,
        access,
        metrics: Arc::clone(&server.metrics),
        link,
        topology,
        vhost: found,
        reply_boxes: Arc::clone(&server.reply_boxes),
    }))
}

/// Checks new credentials of the connection's user.
pub(super) async fn renew(
    server: &Server,
    session: &mut Session,
    credentials: crate::Credentials,
    info: &ConnectionInfo,
    wire: &mut Wire,
) {
    let claim = Claim { credentials, peer: info.peer, certified: None };
    match server.authenticator.authenticate(claim).await {
        Ok(_) => session.connection.renew(&mut wire.output),
        Err(why) => {
            tracing::info!(peer = %info.peer, %why, "new secret was refused");
            let event = session.connection.refuse_renewal(&mut wire.output);
            session.handle(event, &mut wire.output);
        }
    }
}
