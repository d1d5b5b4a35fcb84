//! `jieli healthcheck`: for systemd, containers and balancers that run a program.

use super::dial::{At, connect};
use super::say::{FAILED, OK, Out};
use super::{Done, Fail};
use jieli_node::boot::{ENDING, SIGNING};
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::json;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Asks the health listener, or where there is none the own desk, whether the node serves: doors
/// open, writer alive, disk taking what is written.
pub(super) async fn run(at: &At, out: Out) -> Result<Done, Fail> {
    let config = at.config()?;
    // No reason to take the node out of service. The listener tells how soon something ends, the desk
    // what it is.
    let (mut ends, mut expiries, mut within) = (Vec::new(), Vec::new(), None);
    let asked = if let Some(address) = config.listen.health {
        let mut client = HealthClient::new(connect(address).await?);
        if !is_serving(&mut client, "").await? {
            return Err(not_serving());
        }
        for (name, days) in ENDING {
            if !is_serving(&mut client, name).await? {
                within = Some(days);
            }
        }
        if let Some(days) = within {
            ends.push(out.say(
                &format!("有密钥、证书或协议在 {days} 天内到期：见 jieli status。"),
                &format!(
                    "A key, certificate or agreement ends within {days} days: see `jieli status`."
                ),
            ));
        }
        (address, !is_serving(&mut client, SIGNING).await?)
    } else {
        let mut desk = at.desk(DeskRole::Operator).await?;
        let status = desk.status(wire::StatusRequest {}).await.map_err(Fail::from)?.into_inner();
        ends = status.expiries.iter().map(|end| out.say(&end.say_zh, &end.say_en)).collect();
        expiries = super::status::expiries(&status);
        within = status.expiries.iter().map(|end| end.warn_days).min();
        (config.listen.desk, status.recovering)
    };
    let (asked, recovering) = asked;
    let value = json!({
        "serving": true, "recovering": recovering, "asked": asked.to_string(),
        "expiries": expiries, "ends_within_days": within,
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

/// One name of the health service; the empty one is the whole server.
async fn is_serving(client: &mut HealthClient<Channel>, name: &str) -> Result<bool, Fail> {
    let reply = client.check(HealthCheckRequest { service: name.to_owned() }).await;
    Ok(reply.map_err(Fail::from)?.into_inner().status == ServingStatus::Serving as i32)
}

fn not_serving() -> Fail {
    Fail::new(
        FAILED,
        "NOT_SERVING",
        "节点没有在服务：正在停止，或磁盘写不进去，请查看日志。",
        "The node does not serve: it is stopping, or its disk takes nothing: see its log.",
    )
}
