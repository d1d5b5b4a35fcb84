//! Doors of a town, and requests with a token.

use jieli_node::config::Config;
use jieli_node::serve::audit::AuditDoor;
use jieli_node::serve::desk::DeskDoor;
use jieli_node::serve::window::KeypadDoor;
use jieli_node::tokens::{self, Tokens};
use jieli_tests::Town;
use std::sync::Arc;
use tonic::Request;

pub(crate) struct Doors {
    pub(crate) audit: AuditDoor,
    pub(crate) desk: DeskDoor,
    pub(crate) keypad: KeypadDoor,
    config: Config,
}

impl Doors {
    pub(crate) fn of(town: &Town) -> Doors {
        let config = Config::load(&town.dir).unwrap();
        let tokens = Arc::new(Tokens::load(&config).unwrap());
        let (hand, store, house) =
            (town.node().hand(), town.node().store(), town.node().house().clone());
        Doors {
            audit: AuditDoor::new(hand.clone(), store.clone(), house.clone(), Arc::clone(&tokens)),
            keypad: KeypadDoor::new(hand.clone(), Arc::clone(&tokens), house.world.clone()),
            desk: DeskDoor::new(hand, store, house, tokens),
            config,
        }
    }

    pub(crate) fn ask<T>(&self, token: &str, message: T) -> Request<T> {
        let text = std::fs::read_to_string(tokens::path(&self.config.dir, token)).unwrap();
        let mut request = Request::new(message);
        let value = format!("Bearer {}", text.trim()).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }
}
