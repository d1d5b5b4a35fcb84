//! What the console, the worker's pages and the API are told of a city.

use jieli_gateway::console::config::{AccountRules, Config, Listen, Node, Token};
use jieli_gateway::console::role::TokenRole;
use jieli_gateway::{api, worker};
use jieli_node::config::{self, DeskRole, DeskToken};
use jieli_node::tokens;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Every token that a desk of this city has and the console can use. Bodies and other systems
/// work elsewhere.
pub(crate) fn of_city(
    city: &config::Config,
    dir: &Path,
    address: SocketAddr,
    origin: String,
) -> Config {
    let tokens = city.desk.tokens.iter().filter_map(|token| {
        let role = match token.role {
            DeskRole::Clerk => TokenRole::Clerk,
            DeskRole::Approver => TokenRole::Approver,
            DeskRole::Compliance => TokenRole::Compliance,
            DeskRole::Operator => TokenRole::Operator,
            DeskRole::Window => TokenRole::Window,
            DeskRole::Helper => TokenRole::Helper,
            DeskRole::Employer => TokenRole::Employer,
            DeskRole::Liaison => TokenRole::Liaison,
            DeskRole::Body | DeskRole::System => return None,
        };
        let office = token.office.as_str().to_owned();
        let named = city.offices.iter().find(|known| known.credit_code == token.office);
        Some(Token {
            name: token.name().to_owned(),
            role,
            office_name: named.map_or_else(|| city.city.name.clone(), |known| known.name.clone()),
            office,
            file: tokens::path(dir, token.name()),
        })
    });
    Config {
        listen: Listen { address, origin, trusted_proxies: Vec::new(), tls: None },
        node: Node { desk: city.listen.desk, worker: city.listen.worker },
        accounts: AccountRules::default(),
        oidc: None,
        token: tokens.collect(),
        dir: PathBuf::new(),
    }
}

/// The same for the worker's pages, which know the workers' listener alone.
pub(crate) fn pages_of_city(
    city: &config::Config,
    address: SocketAddr,
    origin: String,
) -> worker::Config {
    worker::Config {
        city: city.city.name.clone(),
        listen: Listen { address, origin, trusted_proxies: Vec::new(), tls: None },
        node: worker::Node { worker: city.listen.worker },
        complaints: true,
        dir: PathBuf::new(),
    }
}

/// The other systems of a city's offices.
pub(crate) fn systems(city: &config::Config) -> impl Iterator<Item = &DeskToken> {
    city.desk.tokens.iter().filter(|token| token.role == DeskRole::System)
}

/// The same for the API, which knows the tokens of those systems alone.
pub(crate) fn api_of_city(
    city: &config::Config,
    dir: &Path,
    address: SocketAddr,
    origin: String,
) -> api::Config {
    let system = systems(city).map(|token| api::System {
        name: token.name().to_owned(),
        office: token.office.as_str().to_owned(),
        file: tokens::path(dir, token.name()),
    });
    api::Config {
        requests_per_minute: api::REQUESTS_PER_MINUTE,
        listen: Listen { address, origin, trusted_proxies: Vec::new(), tls: None },
        node: api::Node { desk: city.listen.desk },
        system: system.collect(),
        dir: PathBuf::new(),
    }
}
