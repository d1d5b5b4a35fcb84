//! `jieli healthcheck`: for systemd, containers and balancers that run a program.

use super::dial::{At, connect};
use super::say::{FAILED, OK, Out};
use super::{Done, Fail};
use jieli_node::boot::SIGNING;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Asks the health listener, or where there is none the own desk, whether the node serves: doors
/// open, writer alive, disk taking what is written.
pub(super) async fn run(at: &At, out: Out) -> Result<Done, Fail> {
    let config = at.config()?;
    // Only the desk tells of them; they are no reason to take the node out of service.
    let (mut ends, mut expiries) = (Vec::new(), Vec::new());
    let asked = if let Some(address) = config.listen.health {
        let mut client = HealthClient::new(connect(address).await?);
        // The whole server.
        let reply = client.check(HealthCheckRequest { service: String::new() }).await;
        let serving =
            reply.map_err(Fail::from)?.into_inner().status == ServingStatus::Serving as i32;
        if !serving {
            return Err(not_serving());
        }
        let signing = client.check(HealthCheckRequest { service: SIGNING.to_owned() }).await;
        let signing = signing.map_err(Fail::from)?.into_inner().status;
        (address, signing != ServingStatus::Serving as i32)
    } else {
        let mut desk = at.desk(DeskRole::Operator).await?;
        let status = desk.status(wire::StatusRequest {}).await.map_err(Fail::from)?.into_inner();
        ends = status.expiries.iter().map(|end| out.say(&end.say_zh, &end.say_en)).collect();
        expiries = super::status::expiries(&status);
        (config.listen.desk, status.recovering)
    };
    let (asked, recovering) = asked;
    let value = json!({
        "serving": true, "recovering": recovering, "asked": asked.to_string(),
        "expiries": expiries,
    });
    out.show(&value, || {
        let state = match recovering {
            false => out.say("节点运行正常。", "The node serves."),
            true => out.say(
                "节点在运行，但正在恢复日志，不签署、不收发：见 jieli status。",
                "The node serves, but recovers its log: it signs, sends and takes nothing. See \
                 `jieli status`.",
            ),
        };
        ends.insert(0, state);
        ends.join("\n")
    });
    Ok(OK)
}

fn not_serving() -> Fail {
    Fail::new(
        FAILED,
        "NOT_SERVING",
        "节点没有在服务：正在停止，或磁盘写不进去，请查看日志。",
        "The node does not serve: it is stopping, or its disk takes nothing: see its log.",
    )
}
