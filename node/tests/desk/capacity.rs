//! What desks see of capacity, and who may announce it.

use crate::city::{City, SCHOOLS};
use jieli_node::serve::CODE_KEY;
use jieli_proto::wire::desk_server::Desk;
use jieli_proto::wire::{self, CapacityState, Service};

fn primary(district: &str) -> Option<wire::Cut> {
    let district = district.to_owned();
    Some(wire::Cut {
        service: Service::Schooling.into(),
        stage: 2,
        district,
        ..wire::Cut::default()
    })
}

fn figure(district: &str, places: u32) -> wire::SetCapacityRequest {
    wire::SetCapacityRequest {
        cut: primary(district),
        places,
        valid_until: 20_261_231,
        ..wire::SetCapacityRequest::default()
    }
}

async fn list(city: &City, token: &str) -> Vec<wire::CapacityLine> {
    let request = city.as_(token, wire::ListCapacityRequest { peers: false });
    city.desk.list_capacity(request).await.unwrap().into_inner().lines
}

async fn refused(city: &City, token: &str, request: wire::SetCapacityRequest) -> String {
    let status = city.desk.set_capacity(city.as_(token, request)).await.unwrap_err();
    status.metadata().get(CODE_KEY).unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_office_announces_its_own_places_and_sees_no_others() {
    let city = City::new().await;
    // The labour office of this city gives no school places.
    assert_eq!(refused(&city, "clerk", figure("", 40)).await, "NOT_YOUR_SERVICE");
    let set = city.desk.set_capacity(city.as_("schools", figure("330381", 40))).await;
    let line = set.unwrap().into_inner();
    assert_eq!((line.office.as_str(), line.places, line.held), (SCHOOLS, 40, 0));
    assert_eq!(line.state(), CapacityState::Has);
    // The same places again replace the figure; those of the whole city are others.
    city.desk.set_capacity(city.as_("schools", figure("330381", 30))).await.unwrap();
    city.desk.set_capacity(city.as_("schools", figure("", 5))).await.unwrap();
    let seen: Vec<u32> = list(&city, "schools").await.iter().map(|line| line.places).collect();
    assert_eq!(seen, [5, 30]);
    assert_eq!(list(&city, "compliance").await.len(), 2);
    assert!(list(&city, "clerk").await.is_empty());
}

#[tokio::test]
async fn a_figure_that_says_nothing_is_refused() {
    let city = City::new().await;
    let past = wire::SetCapacityRequest { valid_until: 20_200_101, ..figure("", 1) };
    assert_eq!(refused(&city, "schools", past).await, "BAD_FIGURE");
    let both = wire::SetCapacityRequest { state: CapacityState::None.into(), ..figure("", 1) };
    assert_eq!(refused(&city, "schools", both).await, "BAD_FIGURE");
    let waits = wire::SetCapacityRequest { state: CapacityState::Waitlist.into(), ..figure("", 0) };
    assert_eq!(refused(&city, "schools", waits).await, "BAD_FIGURE");
    for cut in [
        wire::Cut::default(),
        wire::Cut { stage: 6, ..primary("").unwrap() },
        wire::Cut { home_kind: 1, ..primary("").unwrap() },
        wire::Cut { reference: "V".to_owned(), ..primary("").unwrap() },
        wire::Cut { service: Service::Insurance.into(), ..wire::Cut::default() },
    ] {
        let odd = wire::SetCapacityRequest { cut: Some(cut), ..figure("", 1) };
        assert_eq!(refused(&city, "schools", odd).await, "BAD_CUT");
    }
    assert!(list(&city, "schools").await.is_empty());
}

#[tokio::test]
async fn rules_are_of_an_office() {
    let city = City::new().await;
    city.desk.set_capacity(city.as_("schools", figure("", 5))).await.unwrap();
    let rule =
        || wire::AcceptRule { cut: primary("330381"), slot_days: 6, ..wire::AcceptRule::default() };
    assert!(city.desk.add_rule(city.as_("clerk", rule())).await.is_err());
    let made = city.desk.add_rule(city.as_("schools", rule())).await.unwrap().into_inner();
    assert_eq!((made.number, made.office.as_str(), made.slot_days), (1, SCHOOLS, 6));
    let seen = async |token: &str| {
        let request = city.as_(token, wire::ListRulesRequest {});
        city.desk.list_rules(request).await.unwrap().into_inner().rules.len()
    };
    assert_eq!((seen("schools").await, seen("compliance").await, seen("clerk").await), (1, 1, 0));
    let number = wire::RuleRef { number: 1 };
    assert!(city.desk.remove_rule(city.as_("clerk", number)).await.is_err());
    city.desk.remove_rule(city.as_("schools", number)).await.unwrap();
    assert_eq!(seen("schools").await, 0);
    // A number is never given twice.
    let next = city.desk.add_rule(city.as_("schools", rule())).await.unwrap().into_inner();
    assert_eq!(next.number, 2);
}
