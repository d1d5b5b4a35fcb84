//! What was sent to the webhooks of a system, and what came of it.

use super::caller::Caller;
use super::legs::{Answer, shown};
use super::problem::Wrong;
use super::views::{DeliveriesBody, DeliveryLine};
use jieli_proto::wire;

/// Deliveries shown at once.
const MOST: u32 = 100;

fn line(told: wire::Delivery) -> DeliveryLine {
    DeliveryLine {
        id: told.id,
        webhook: told.webhook,
        case: told.case_number,
        leg: told.leg,
        stage: told.stage,
        state: told.state,
        attempts: told.attempts,
        status: told.status,
        made_unix_ms: told.made_unix_ms,
        done_unix_ms: told.done_unix_ms,
    }
}

pub(super) async fn list(mut caller: Caller) -> Answer {
    let ask = wire::ListDeliveriesRequest { webhook: String::new(), most: MOST };
    let list = caller.node.read_deliveries(ask).await.map_err(Wrong::node(caller.lang))?;
    let deliveries = list.into_inner().deliveries.into_iter().map(line).collect();
    Ok(shown(&DeliveriesBody { deliveries }))
}
