//! The main road between two cities inside one process, over real TLS with a clock that the tests
//! move: what must happen on it, and what must never happen.

#![allow(clippy::unwrap_used)]

#[path = "journey/agreements.rs"]
mod agreements;
#[path = "journey/ballot.rs"]
mod ballot;
#[path = "journey/call_back.rs"]
mod call_back;
#[path = "journey/capacity.rs"]
mod capacity;
#[path = "journey/capture.rs"]
mod capture;
#[path = "journey/chains.rs"]
mod chains;
#[path = "journey/correction.rs"]
mod correction;
#[path = "journey/cosigned.rs"]
mod cosigned;
#[path = "journey/cover.rs"]
mod cover;
#[path = "journey/crossing.rs"]
mod crossing;
#[path = "journey/district.rs"]
mod district;
#[path = "journey/heard.rs"]
mod heard;
#[path = "journey/heirs.rs"]
mod heirs;
#[path = "journey/helper.rs"]
mod helper;
#[path = "journey/items.rs"]
mod items;
#[path = "journey/lapse.rs"]
mod lapse;
#[path = "journey/local.rs"]
mod local;
#[path = "journey/mission.rs"]
mod mission;
#[path = "journey/nasty.rs"]
mod nasty;
#[path = "journey/offers.rs"]
mod offers;
#[path = "journey/pairs.rs"]
mod pairs;
#[path = "journey/parties.rs"]
mod parties;
#[path = "journey/queues.rs"]
mod queues;
#[path = "journey/redirect.rs"]
mod redirect;
#[path = "journey/restored.rs"]
mod restored;
#[path = "journey/results.rs"]
mod results;
#[path = "journey/road.rs"]
mod road;
#[path = "journey/rota.rs"]
mod rota;
#[path = "journey/shift.rs"]
mod shift;
#[path = "journey/silence.rs"]
mod silence;
#[path = "journey/statement.rs"]
mod statement;
#[path = "journey/stations.rs"]
mod stations;
#[path = "journey/steady.rs"]
mod steady;
#[path = "journey/stops.rs"]
mod stops;
#[path = "journey/thirty_five.rs"]
mod thirty_five;
#[path = "journey/tongues.rs"]
mod tongues;
#[path = "journey/twice.rs"]
mod twice;
#[path = "journey/undo.rs"]
mod undo;
#[path = "journey/voice.rs"]
mod voice;
