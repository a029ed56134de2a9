//! The page that a person reads: one file, nothing from elsewhere.

use std::fmt::Write;

use super::chart::{chart, escape};
use super::{Report, Tally};

const STYLE: &str = "
body{font:15px/1.45 system-ui,sans-serif;max-width:1140px;margin:2em auto;padding:0 1em;color:#1c2733;background:#fff}
h1{font-size:1.5em}h2{font-size:1.2em;margin-top:2em}
.held{color:#12703b}.violated{color:#b3261e}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em .9em .2em 0;text-align:left;vertical-align:top}
th{font-weight:600;border-bottom:1px solid #ccd3da}td.number,th.number{text-align:right}
pre{background:#f6f1f0;padding:.8em;overflow:auto;white-space:pre-wrap}
svg{width:100%;height:auto;display:block}svg text{font:10px system-ui,sans-serif;fill:#4a5763}
.fault rect{fill:#d9822b;opacity:.16}.fault text{fill:#8a4b0f}.blunt rect{fill:#889;opacity:.12}.blunt text{fill:#889}
.grid{stroke:#dde3e8;fill:none}.scale{text-anchor:end}.time{text-anchor:middle}svg .title{font-weight:600}
.rate{stroke:#1f5fa8;fill:none}.written{stroke:#12703b;fill:none}.p50{stroke:#1f5fa8;fill:none}.p99{stroke:#b3261e;fill:none;opacity:.75}
";

/// All runs, one below the other.
pub(super) fn page(reports: &[Report]) -> String {
    let title = match reports {
        [one] => format!("{} on {}", one.scenario, name(one)),
        _ => "Fault tests".into(),
    };
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    );
    if reports.len() > 1 {
        html += &sums(reports);
        html += &overview(reports);
    }
    reports.iter().for_each(|report| html += &section(report));
    html + "</html>\n"
}

fn name(report: &Report) -> String {
    let lying = if report.lying_disks { " with disks that lie (a control, which must not hold)" } else { "" };
    format!("{:?}{lying}", report.server)
}

fn verdict(report: &Report) -> String {
    match report.violations.len() {
        0 => "<b class=\"held\">held</b>".into(),
        1 => "<b class=\"violated\">1 violation</b>".into(),
        many => format!("<b class=\"violated\">{many} violations</b>"),
    }
}

fn sums(reports: &[Report]) -> String {
    let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
    fn until(report: &Report) -> u64 {
        report.phases.last().map_or(0, |phase| phase.until_ms as u64)
    }
    fn tallies(report: &Report, count: fn(&Tally) -> u64) -> u64 {
        report.faults.values().map(count).sum()
    }
    format!(
        "<p>{} runs in {:.1} minutes: {} held. {} faults, of which {} bit. {} requests, {} writes acknowledged.</p>",
        reports.len(),
        sum(until) as f64 / 60_000.0,
        reports.iter().filter(|report| report.held()).count(),
        sum(|report| tallies(report, |tally| tally.planned)),
        sum(|report| tallies(report, |tally| tally.bit)),
        sum(|report| report.totals.requests),
        sum(|report| report.totals.writes_acknowledged),
    )
}

fn overview(reports: &[Report]) -> String {
    let mut html = String::from(
        "<table><tr><th>scenario<th>server<th>verdict<th class=number>faults<th class=number>bit\
         <th class=number>requests<th class=number>writes acknowledged<th class=number>unanswered\
         <th class=number>sessions expired<th class=number>longest without a write<th class=number>all served after",
    );
    for report in reports {
        let sum = |count: fn(&Tally) -> u64| report.faults.values().map(count).sum::<u64>();
        let totals = report.totals;
        write!(
            html,
            "<tr><td>{}<td>{}<td>{}<td class=number>{}<td class=number>{}<td class=number>{}<td class=number>{}\
             <td class=number>{}<td class=number>{}<td class=number>{} ms<td class=number>{}",
            escape(&report.scenario),
            name(report),
            verdict(report),
            sum(|tally| tally.planned),
            sum(|tally| tally.bit),
            totals.requests,
            totals.writes_acknowledged,
            totals.unknown,
            totals.sessions_expired,
            report.longest_without_write_ms(),
            report.recovered_after_ms.map_or("never".into(), |ms| format!("{ms} ms")),
        )
        .expect("a string takes all that is written");
    }
    html + "</table>"
}

fn section(report: &Report) -> String {
    let totals = report.totals;
    let mut html = format!(
        "<h2>{} on {}: {}</h2><p>{}. {} nodes, seed {}, {} s of faults.</p>{}<p>{} requests: {} writes acknowledged, {} \
         reads answered, {} refused with a reason, {} unanswered. {} watch events. {} sessions on {} connections, {} expired. \
         Longest time without an acknowledged write: {} ms. {} frames passed the switch; {} were cut, {} lost, {} late, {} doubled, {} \
         out of order, {} damaged.</p>",
        escape(&report.scenario),
        name(report),
        verdict(report),
        escape(&report.about),
        report.nodes,
        report.seed,
        report.chaos_ms / 1000,
        chart(report),
        totals.requests,
        totals.writes_acknowledged,
        totals.reads_answered,
        totals.refused,
        totals.unknown,
        totals.events,
        totals.sessions,
        totals.connections,
        totals.sessions_expired,
        report.longest_without_write_ms(),
        report.frames.passed,
        report.frames.cut,
        report.frames.lost,
        report.frames.delayed,
        report.frames.duplicated,
        report.frames.reordered,
        report.frames.corrupted,
    );
    if !report.violations.is_empty() {
        html += &format!("<pre class=violated>{}</pre>", escape(&report.violations.join("\n")));
    }
    if !report.marks.is_empty() {
        html += &faults(report);
    }
    html
}

fn faults(report: &Report) -> String {
    let mut html =
        String::from("<table><tr><th class=number>at<th class=number>for<th>fault<th>where<th>what shows it");
    for mark in &report.marks {
        let seconds = |ms: u128| ms as f64 / 1000.0;
        write!(
            html,
            "<tr><td class=number>{:.1} s<td class=number>{:.1} s<td>{}<td>{}<td>{}{}",
            seconds(mark.from_ms),
            seconds(mark.until_ms - mark.from_ms),
            escape(&mark.name),
            escape(&mark.detail),
            if mark.bit { "" } else { "<b>did not bite</b>: " },
            escape(&mark.shown),
        )
        .expect("a string takes all that is written");
    }
    html + "</table>"
}
