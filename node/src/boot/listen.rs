//! The listeners: one function each, and none can reach what another serves.

use super::StartError;
use super::open::clock_ms;
use crate::config::Config;
use crate::disk;
use crate::expiry;
use crate::house::House;
use crate::letters::Letters;
use crate::net::{Net, Socket, lines};
use crate::peers::Pinboard;
use crate::serve::audit::audit;
use crate::serve::desk::employ::EmployDoor;
use crate::serve::desk::help::help;
use crate::serve::desk::liaise::liaise;
use crate::serve::desk::systems::systems;
use crate::serve::desk::{DeskDoor, desk};
use crate::serve::exchange::{ExchangeDoor, exchange};
use crate::serve::grievance::grievance;
use crate::serve::operate::operate;
use crate::serve::report::ReportDoor;
use crate::serve::rota::rota;
use crate::serve::stack::listener;
use crate::serve::window::keypad;
use crate::serve::worker::{WorkerDoor, worker};
use crate::statements::Statements;
use crate::store::Store;
use crate::tls::{AcceptLimits, Acceptor, Connections, Identity, Pins};
use crate::tokens::Tokens;
use crate::webhook;
use crate::writer::Hand;
use jieli_proto::wire::desk_server::DeskServer;
use jieli_proto::wire::exchange_server::ExchangeServer;
use jieli_proto::wire::worker_server::WorkerServer;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

/// Unauthenticated handshakes at once, where more connections than that are allowed.
const HANDSHAKES_MAX: usize = 128;

/// How often the disk is tried for the health service.
const DISK_EVERY: Duration = Duration::from_secs(15);

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Other cities.
    pub peer: SocketAddr,
    /// The city's own desks.
    pub desk: SocketAddr,
    /// Workers with a code.
    pub worker: SocketAddr,
    /// Health checks, where configured.
    pub health: Option<SocketAddr>,
    /// The carrier's delivery reports, where configured.
    pub report: Option<SocketAddr>,
}

/// Sockets that nobody serves yet.
pub(super) struct Bound {
    peer: Socket,
    desk: Socket,
    worker: Socket,
    health: Option<Socket>,
    report: Option<TcpListener>,
}

impl Bound {
    pub(super) fn addresses(&self) -> Result<Addresses, StartError> {
        let of = |what, listener: io::Result<SocketAddr>| {
            let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
            listener.map_err(|error| StartError::Listen { what, address: unknown, error })
        };
        Ok(Addresses {
            peer: of("peer", self.peer.local_addr())?,
            desk: of("desk", self.desk.local_addr())?,
            worker: of("worker", self.worker.local_addr())?,
            health: self.health.as_ref().map(|at| of("health", at.local_addr())).transpose()?,
            report: self.report.as_ref().map(|at| of("report", at.local_addr())).transpose()?,
        })
    }
}

/// Takes all addresses, or none.
pub(super) async fn bind(config: &Config, net: &dyn Net) -> Result<Bound, StartError> {
    let listen = &config.listen;
    let health = match listen.health {
        Some(address) => Some(bind_one(net, "health", address).await?),
        None => None,
    };
    let report = match config.notices.report_listen {
        Some(address) => {
            let listener = TcpListener::bind(address).await;
            let what = "report";
            Some(listener.map_err(|error| StartError::Listen { what, address, error })?)
        }
        None => None,
    };
    Ok(Bound {
        peer: bind_one(net, "peer", listen.peer).await?,
        desk: bind_one(net, "desk", listen.desk).await?,
        worker: bind_one(net, "worker", listen.worker).await?,
        health,
        report,
    })
}

async fn bind_one(
    net: &dyn Net,
    what: &'static str,
    address: SocketAddr,
) -> Result<Socket, StartError> {
    let bound = net.bind(address).await;
    bound.map_err(|error| StartError::Listen { what, address, error })
}

/// The name under which the health service tells whether this city signs, or recovers its log.
pub const SIGNING: &str = "signing";

/// The names under which the health service tells what ends: not serving while something ends within
/// so many days. No reason to take the node out of service.
pub const ENDING: [(&str, u32); 3] = [("ending-30", 30), ("ending-7", 7), ("ending-1", 1)];

/// What the doors are opened with.
pub(super) struct Doors {
    pub(super) hand: Hand,
    pub(super) store: Store,
    pub(super) house: House,
    pub(super) letters: Letters,
    pub(super) identity: Identity,
    pub(super) board: Arc<Pinboard>,
    pub(super) connections: Connections,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl Doors {
    /// Opens all doors.
    pub(super) fn open(self, bound: Bound) -> Result<(), StartError> {
        let acceptor = self.acceptor()?;
        let desk_routes = self.desk_routes()?;
        let service = worker(self.hand.clone(), self.store.clone(), self.house.clone());
        let worker_routes = Routes::new(service);
        let reports = match bound.report {
            Some(socket) => {
                let secret = webhook::secret(&self.house.config)?;
                let world = self.house.world.clone();
                Some((ReportDoor::new(self.hand.clone(), world, secret), socket))
            }
            None => None,
        };
        let (reporter, health) = health_reporter();
        self.peer(acceptor, bound.peer);
        self.local("desk", desk_routes, bound.desk);
        self.local("worker", worker_routes, bound.worker);
        if let Some(listener) = bound.health {
            self.local("health", Routes::new(health), listener);
        }
        if let Some((door, socket)) = reports {
            self.tasks.spawn(door.serve(socket, self.tasks.clone(), self.stop.clone()));
        }
        self.tasks.spawn(report(
            reporter,
            self.house.clone(),
            self.hand.clone(),
            self.stop.clone(),
        ));
        Ok(())
    }

    fn acceptor(&self) -> Result<Acceptor, StartError> {
        let set = &self.house.config.limits;
        let limits = AcceptLimits {
            handshake_ms_max: set.handshake_s_max * 1000,
            handshakes_max: HANDSHAKES_MAX.min(set.connections_max as usize),
            connections_per_peer_max: set.connections_per_peer_max as usize,
            ..AcceptLimits::default()
        };
        Ok(Acceptor::new(
            &self.identity,
            Arc::clone(&self.board) as Arc<dyn Pins>,
            clock_ms(&self.house.world.clock),
            limits,
            self.connections.clone(),
        )?)
    }

    fn desk_routes(&self) -> Result<Routes, StartError> {
        let tokens = Arc::new(Tokens::load(&self.house.config)?);
        let (hand, store) = (self.hand.clone(), self.store.clone());
        let window = keypad(hand.clone(), Arc::clone(&tokens), self.house.world.clone());
        let house = self.house.clone();
        let audit = audit(hand.clone(), store.clone(), house.clone(), Arc::clone(&tokens));
        let bodies = grievance(hand.clone(), store.clone(), house.clone(), Arc::clone(&tokens));
        let operate = operate(hand.clone(), store.clone(), house.clone(), Arc::clone(&tokens));
        let rota = rota(hand.clone(), store.clone(), house.clone(), Arc::clone(&tokens));
        let (to, at) = (hand.clone(), store.clone());
        let systems = systems(to, at, house.clone(), Arc::clone(&tokens));
        let (to, at) = (hand.clone(), store.clone());
        let help = help(to, at, house.clone(), Arc::clone(&tokens));
        let (to, at) = (hand.clone(), store.clone());
        let liaise = liaise(to, at, house.clone(), Arc::clone(&tokens));
        let (to, at) = (hand.clone(), store.clone());
        let employers = EmployDoor::new(to, at, house.clone(), Arc::clone(&tokens));
        let desk = desk(hand, store, house, tokens);
        let routes = Routes::new(desk).add_service(window).add_service(audit);
        let routes = routes.add_service(bodies).add_service(operate).add_service(rota);
        let routes = routes.add_service(systems).add_service(help).add_service(liaise);
        Ok(routes.add_service(employers.employ()).add_service(employers.posts()))
    }

    /// Other cities: pinned TLS, and nothing but `Exchange`.
    fn peer(&self, acceptor: Acceptor, socket: Socket) {
        let set = &self.house.config.limits;
        let service = exchange(
            self.hand.clone(),
            self.letters.clone(),
            Statements::new(self.store.clone(), self.house.clone()),
            self.house.clone(),
            set.clone(),
            self.tasks.clone(),
            self.stop.clone(),
        );
        let serving = listener(set)
            .add_routes(Routes::new(service))
            .serve_with_incoming_shutdown(acceptor.incoming(socket), self.stopped());
        self.tasks.spawn(ended("peer", serving));
    }

    /// The city's own people, on an address that only they reach.
    fn local(&self, what: &'static str, routes: Routes, socket: Socket) {
        let serving = listener(&self.house.config.limits)
            .add_routes(routes)
            .serve_with_incoming_shutdown(lines(socket), self.stopped());
        self.tasks.spawn(ended(what, serving));
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        self.stop.clone().cancelled_owned()
    }
}

async fn ended(
    what: &'static str,
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
) {
    if let Err(error) = serving.await {
        tracing::error!(listener = what, %error, "a listener ended");
    }
}

/// Serving from the start, not serving from the moment of the stop.
async fn report(reporter: HealthReporter, house: House, hand: Hand, stop: CancellationToken) {
    reporter.set_serving::<ExchangeServer<ExchangeDoor>>().await;
    reporter.set_serving::<DeskServer<DeskDoor>>().await;
    reporter.set_serving::<WorkerServer<WorkerDoor>>().await;
    loop {
        // The writer ends the node when it ends, so what is left to look at is the disk.
        reporter.set_service_status("", serving(disk_works(&house).await)).await;
        // Who recovers serves, and must not be started anew for it.
        let directory = std::sync::Arc::clone(&hand.published().directory);
        reporter.set_service_status(SIGNING, serving(directory.recovering.is_none())).await;
        let today = house.calendar().day_of_unix_ms(house.world.clock.now_unix_ms());
        let ends = expiry::soon(&house, &directory, today);
        for (name, days) in ENDING {
            let none = ends.iter().all(|end| end.days_left > days);
            reporter.set_service_status(name, serving(none)).await;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = house.world.sleep.sleep(DISK_EVERY) => {}
        }
    }
    reporter.set_not_serving::<ExchangeServer<ExchangeDoor>>().await;
    reporter.set_not_serving::<DeskServer<DeskDoor>>().await;
    reporter.set_not_serving::<WorkerServer<WorkerDoor>>().await;
    reporter.set_service_status("", serving(false)).await;
}

fn serving(is: bool) -> ServingStatus {
    if is { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// Whether the city's directory still takes and keeps bytes.
async fn disk_works(house: &House) -> bool {
    let path = house.config.dir.join(".health");
    match house.world.apart(move || disk::try_out(&path)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::error!(%error, "the disk does not take what is written");
            false
        }
        Err(_) => false,
    }
}
