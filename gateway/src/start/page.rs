//! The frame around the parts.

use super::board::Part;
use super::html::{both, paragraphs, text};
use super::stage::{StepLine, StepState};
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("live.js");
pub(super) const ICON: &str = include_str!("icon.svg");

/// The whole page.
pub(super) fn page(parts: &[Part], steps: &[StepLine]) -> String {
    let part = |tag: &str, id: &str| {
        let inside = parts.iter().find(|(own, _)| own == id).map_or("", |(_, html)| html.as_str());
        format!("<{tag} id=\"{}\" data-part>{inside}</{tag}>", text(id))
    };
    let cities: String = parts
        .iter()
        .filter(|(id, _)| id.starts_with("city-"))
        .map(|(id, _)| part("article", id))
        .collect();
    // Without a script the page asks again by itself while a step runs.
    let running = steps.iter().any(|step| step.state == StepState::Running);
    let again = if running { "<meta http-equiv=refresh content=2>" } else { "" };
    format!(
        "<!doctype html><html lang=zh-CN><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <meta name=color-scheme content=\"light dark\">\
         <title>接力 Jieli：演示</title><link rel=stylesheet href=/style.css>\
         <link rel=icon href=/icon.svg type=image/svg+xml><noscript>{again}</noscript>\
         <script src=/live.js defer></script></head><body>\
         <header><h1>{title}</h1>{lead}</header><main>{clock}\
         <div class=stage>{story}<div class=scene><section class=cities aria-label=\"三座城市 Three cities\"><h2>{three}</h2>{only}\
         <div class=columns>{cities}</div></section>\
         <div class=two>{phones}<div>{desk}{proof}</div></div>{engineers}</div></div></main>\
         <footer>{caveat}{fiction}</footer></body></html>",
        title = both("接力", "Jieli"),
        lead = paragraphs(
            "一户人家要去别的城市工作，工作、孩子入学、医保、住房都要两地机关交接。接力让两座城市直接把这些事交接\
             清楚：先问本人，再问名额，最后才交身份；每一步双方签字存证，本人随时可以停止。",
            "A household goes to work in another city: job, school place, medical cover and home \
             pass between two administrations. Jieli lets the two cities hand them over directly: \
             the person is asked first, then for a place, and identity travels last. Both sign \
             and record every step, and the person can stop at any time.",
        ),
        clock = part("section", "clock"),
        story = part("section", "story"),
        three = both("三座城市，此刻", "Three cities, right now"),
        only = paragraphs(
            "您在这里同时看到三边，真实的工作人员只看得到自己机构的那一份。",
            "You see all three sides at once here. Real staff see only their own office's part.",
        ),
        phones = part("section", "phones"),
        desk = part("section", "desk"),
        proof = part("section", "proof"),
        engineers = part("section", "engineers"),
        caveat = paragraphs(NOT_PROOF_OF_FREEDOM.zh, NOT_PROOF_OF_FREEDOM.en),
        fiction = paragraphs(
            "演示：城市节点、签名和存证是真的程序；人物、号码和时间是虚构的。",
            "A demonstration: nodes, signatures and records are the real program; persons, numbers \
             and time are invented.",
        ),
    )
}
