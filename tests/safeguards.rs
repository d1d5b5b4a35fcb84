//! The safeguards of casework section 7, one file each: the pressured clerk, and where it makes
//! sense the modified node.

#![allow(clippy::unwrap_used)]

#[path = "safeguards/common.rs"]
mod common;
#[path = "safeguards/local.rs"]
mod local;
#[path = "safeguards/modified.rs"]
mod modified;
#[path = "safeguards/systems.rs"]
mod systems;
#[path = "safeguards/v01.rs"]
mod v01;
#[path = "safeguards/v01_pin.rs"]
mod v01_pin;
#[path = "safeguards/v01_proxy.rs"]
mod v01_proxy;
#[path = "safeguards/v01_receiving.rs"]
mod v01_receiving;
#[path = "safeguards/v02.rs"]
mod v02;
#[path = "safeguards/v03.rs"]
mod v03;
#[path = "safeguards/v03_keypad.rs"]
mod v03_keypad;
#[path = "safeguards/v04.rs"]
mod v04;
#[path = "safeguards/v04_changed.rs"]
mod v04_changed;
#[path = "safeguards/v05.rs"]
mod v05;
#[path = "safeguards/v06.rs"]
mod v06;
#[path = "safeguards/v06_capacity.rs"]
mod v06_capacity;
#[path = "safeguards/v06_stops.rs"]
mod v06_stops;
#[path = "safeguards/v07.rs"]
mod v07;
#[path = "safeguards/v08.rs"]
mod v08;
#[path = "safeguards/v09.rs"]
mod v09;
#[path = "safeguards/v09_bodies.rs"]
mod v09_bodies;
#[path = "safeguards/v12.rs"]
mod v12;
#[path = "safeguards/v13.rs"]
mod v13;
#[path = "safeguards/v14.rs"]
mod v14;
#[path = "safeguards/v14_guardian.rs"]
mod v14_guardian;
#[path = "safeguards/v14_hazardous.rs"]
mod v14_hazardous;
#[path = "safeguards/v15.rs"]
mod v15;
#[path = "safeguards/v17.rs"]
mod v17;
#[path = "safeguards/v18.rs"]
mod v18;
#[path = "safeguards/v19.rs"]
mod v19;
#[path = "safeguards/v19_within.rs"]
mod v19_within;
#[path = "safeguards/v20.rs"]
mod v20;
#[path = "safeguards/v21.rs"]
mod v21;
#[path = "safeguards/v22.rs"]
mod v22;
#[path = "safeguards/v23.rs"]
mod v23;
#[path = "safeguards/v23_same.rs"]
mod v23_same;
