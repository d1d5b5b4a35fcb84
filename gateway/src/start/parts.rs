//! Clock, cities, desk, and what only engineers want.

use super::html::{both, button, date, instant, short, text};
use super::look::{CityLook, MessageLook, Sight, SightLine, StageLine};
use super::stage::{Door, Entrance, Moment, Phone};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The simulated clock with its buttons.
pub(super) fn clock(token: &str, now: Moment) -> String {
    let [zh, en] = instant(now.unix_ms, now.zone_offset_min);
    format!(
        "<h2 class=small>{}</h2><p class=time><time>{}</time> <span class=en lang=en>{}</span></p>\
         <div class=row>{}{}</div>",
        both("模拟时钟", "Simulated clock"),
        text(&zh),
        text(&en),
        button(token, "/do/day", &[], &both("下一个工作日", "Next working day")),
        button(token, "/do/hour", &[], &both("一小时后", "+1 hour")),
    )
}

/// A city's column.
pub(super) fn city(token: &str, door: &Door, look: &CityLook, now: Moment) -> String {
    let role = if door.sends {
        both("转出地：人从这里出发", "People leave from here")
    } else {
        both("转入地：人到这里生活", "People arrive here")
    };
    let mut out = format!("<h3>{}</h3><p class=role>{role}</p>", both(&door.zh, &door.en));
    let power = [("city", door.id.as_str())];
    if door.up {
        let _ = write!(
            out,
            "<div class=\"row power\"><span class=on>{}</span>{}</div>",
            both("● 运行中", "running"),
            button(token, "/power/off", &power, &both("断电", "Power off"))
        );
    } else {
        let _ = write!(
            out,
            "<div class=\"row power\"><span class=off>{}</span>{}</div>",
            both("○ 已断电，下面是断电前的样子", "no power; below is how it was"),
            button(token, "/power/on", &power, &both("重启", "Restart"))
        );
    }
    out += &entrances(door);
    if look.letters_waiting > 0 {
        let _ = write!(
            out,
            "<p class=note>{} {}</p>",
            both("等待送达的信件：", "Letters waiting:"),
            look.letters_waiting
        );
    }
    out += &sights(door, &look.sights);
    out += &queue(&look.stages);
    out += &messages(&look.messages, now);
    let root: String = look.log_root.chars().take(8).collect();
    let _ = write!(
        out,
        "<p class=log>{} <b>{}</b> {} <code>{}</code></p>",
        both("存证", "Records"),
        look.log_size,
        both("条，指纹", "· fingerprint"),
        text(&root)
    );
    out
}

/// The desks and the person's own pages, one press each.
fn entrances(door: &Door) -> String {
    let id = text(&door.id);
    let line = |(at, one): (usize, &Entrance)| {
        format!("<li><a href=\"/enter/{id}/{at}\">{}</a></li>", both(&one.zh, &one.en))
    };
    let lines: String = door.entrances.iter().enumerate().map(line).collect();
    let title = both("打开这里的页面，不用密码", "Open the pages here, no password");
    format!(
        "<details class=enter data-key=\"enter-{id}\"><summary>{title}</summary>\
         <ul>{lines}</ul></details>"
    )
}

fn sights(door: &Door, sights: &[SightLine]) -> String {
    let mut out = format!(
        "<section class=sights><h4>{}</h4>",
        both("看得到 / 看不到", "Can see / cannot see")
    );
    if sights.is_empty() {
        let _ = write!(
            out,
            "<p class=empty>{}</p>",
            both("故事里还没有人。", "Nobody in the story yet.")
        );
    }
    out += "<ul>";
    for line in sights {
        let (mark, zh, en) = match &line.sight {
            Sight::Seen(offices) => {
                let names = |at: usize| {
                    offices.iter().map(|o| o[at].as_str()).collect::<Vec<_>>().join(if at == 0 {
                        "、"
                    } else {
                        ", "
                    })
                };
                ("seen", format!("看得到（{}）", names(0)), format!("seen by {}", names(1)))
            }
            Sight::Erased => {
                ("gone", "已删除，看不到".to_owned(), "erased, cannot be seen".to_owned())
            }
            Sight::Never => ("never", "从未收到".to_owned(), "never received".to_owned()),
        };
        let _ = write!(
            out,
            "<li class={mark}><b>{}</b><span class=sight>{}</span></li>",
            both(&line.name[0], &line.name[1]),
            both(&zh, &en)
        );
    }
    out += "</ul>";
    if door.sends {
        let _ = write!(
            out,
            "<p class=fine>{}</p>",
            both("谁说了不同意：任何窗口都看不到。", "Who said no: no desk can see it.")
        );
    }
    out + "</section>"
}

fn queue(stages: &[StageLine]) -> String {
    let mut out = format!("<section><h4>{}</h4>", both("待办与进度", "Queue"));
    if stages.is_empty() {
        let _ = write!(out, "<p class=empty>{}</p>", both("空的", "empty"));
        return out + "</section>";
    }
    let _ = write!(
        out,
        "<table><thead><tr><th>{}</th><th class=n>{}</th><th class=n>{}</th></tr></thead><tbody>",
        both("状态", "stage"),
        both("件", "legs"),
        both("最近期限", "next due")
    );
    for line in stages {
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=n>{}</td><td class=n>{}</td></tr>",
            both(line.stage.zh, &line.stage.en.replace('_', " ").to_lowercase()),
            line.count,
            date(line.due)
        );
    }
    out += "</tbody></table>";
    let listed: Vec<_> =
        stages.iter().flat_map(|line| line.legs.iter().map(move |leg| (line.stage, leg))).collect();
    if !listed.is_empty() {
        let _ = write!(
            out,
            "<details data-key=list><summary>{}</summary><ul class=legs>",
            both("逐件查看", "one by one")
        );
        for (stage, (case, service, due)) in listed {
            let _ = write!(
                out,
                "<li><code>{}</code> {} · {} {}</li>",
                text(case),
                both(service.zh, service.en),
                text(stage.zh),
                date(*due)
            );
        }
        out += "</ul></details>";
    }
    out + "</section>"
}

fn messages(messages: &[MessageLook], now: Moment) -> String {
    let mut out = format!("<section><h4>{}</h4>", both("最近往来", "Latest messages"));
    if messages.is_empty() {
        let _ = write!(out, "<p class=empty>{}</p></section>", both("还没有", "none yet"));
        return out;
    }
    out += "<ol class=messages>";
    for message in messages {
        let arrow = if message.arrived { ("收到", "in") } else { ("发出", "out") };
        let class = if message.good { "good" } else { "wait" };
        let _ = write!(
            out,
            "<li><span class=dir>{}</span> <b>{}</b>（{}）<span class={class}>{}</span>\
             <small lang=en>{} {}, {}, {}</small><small>{} · {}</small></li>",
            arrow.0,
            message.kind.zh,
            message.service.zh,
            message.status.zh,
            arrow.1,
            message.kind.en.to_lowercase(),
            message.service.en,
            message.status.en,
            short(message.at_ms, now.zone_offset_min),
            text(&message.case)
        );
    }
    out + "</ol></section>"
}

/// What the sending desk is told of the answers: how many were asked.
pub(super) fn desk(phones: &[Phone], sender: Option<&Door>, waiting: u64) -> String {
    let sender = sender.map_or("", |door| door.id.as_str());
    let asked: BTreeSet<&str> = phones
        .iter()
        .filter(|phone| phone.city == sender)
        .flat_map(|phone| &phone.messages)
        .filter(|message| message.text.contains("逐项回答"))
        .map(|message| message.case.as_str())
        .collect();
    format!(
        "<h2>{}</h2><p class=big>{} <b>{}</b>{}</p><p>{} <b>{waiting}</b> {}</p>{}",
        both("昆明窗口看到的", "What Kunming's desk sees"),
        both("已问", "asked"),
        asked.len(),
        both("，答复情况不显示", "; answers are not shown"),
        both("仍在等待的事项：", "Items still waiting:"),
        both("项", ""),
        super::html::paragraphs(
            "不同意、没有理会、还没看到，在窗口看来完全一样，只是一个数字。没有人能去问“你为什么不同意”。",
            "A no, silence and not yet seen are one and the same number to the desk. Nobody can \
             go and ask “why did you say no”.",
        ),
    )
}

/// Heads and roots.
pub(super) fn engineers(doors: &[Door], looks: &BTreeMap<String, CityLook>) -> String {
    let mut out = format!(
        "<details data-key=engineers><summary>{}</summary>",
        both("技术人员看这里", "For engineers")
    );
    for door in doors {
        let Some(look) = looks.get(&door.id) else { continue };
        let _ = write!(
            out,
            "<h4>{}</h4><dl><dt>exchange log</dt><dd>{} · <code>{}</code></dd>\
             <dt>checkpoint</dt><dd><pre>{}</pre></dd><dt>desk · worker</dt><dd><code>{} · {}</code></dd></dl>",
            text(&door.id),
            look.log_size,
            text(&look.log_root),
            text(&look.checkpoint),
            door.desk,
            door.worker
        );
    }
    out + "</details>"
}
