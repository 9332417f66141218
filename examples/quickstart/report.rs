//! What is printed.

use std::{process::ExitCode, time::Duration};

use opentelemetry::trace::TraceId;
use warmspan::testkit::{
    lambda::{Invocation, LogLine},
    langfuse::Langfuse,
    tree::Trace,
};

use crate::{events::Question, flush_log, surroundings::Surroundings};

/// One invocation, as its caller saw it.
pub(crate) fn invocation(
    number: usize,
    question: &Question,
    invocation: &Invocation,
    logs: &[LogLine],
) {
    let start = match invocation.init {
        Some(init) => format!("cold, init {}", millis(init)),
        None => "warm".to_owned(),
    };
    let streamed = if question.stream {
        ", model streams"
    } else {
        ""
    };
    println!(
        "{number}.   {start}{streamed}: answered after {}",
        millis(invocation.client_latency())
    );
    match &invocation.result {
        Ok(body) => println!("     {}", cut(&answer(body))),
        Err(error) => println!("     FAILED: {error}"),
    }
    if let Some(flush) = flush_log::flushes(logs).last() {
        println!("     flush: {}", flush.told);
    }
    println!();
}

/// The traces that arrived at the in-process Langfuse, and whether they did in time.
pub(crate) fn collected(
    langfuse: &Langfuse,
    invocations: &[Invocation],
    logs: &[LogLine],
    was_killed: bool,
) -> ExitCode {
    let traces = langfuse.traces();
    let mut late = 0;
    let mut spans = 0;
    let mut missing = 0;
    for (number, invocation) in (1..).zip(invocations) {
        let trace = traces.iter().find(|trace| is_of(trace, invocation));
        let Some(trace) = trace else {
            missing += 1;
            println!("{number}.   no trace\n");
            continue;
        };
        println!("{trace}");
        for observation in trace.observations() {
            spans += 1;
            late += usize::from(
                invocation
                    .timeline
                    .frozen
                    .is_none_or(|frozen| observation.received_at > frozen),
            );
        }
        timeline(trace, invocation);
    }

    let failed = invocations
        .iter()
        .filter(|invocation| invocation.result.is_err())
        .count();
    let lost = flush_log::flushes(logs)
        .last()
        .map_or(0, |flush| flush.waiting);
    if was_killed {
        println!(
            "{} of {} responses were right although the collector was gone; {lost} spans waited for it until the \
             function was shut down, and are lost",
            invocations.len() - failed,
            invocations.len(),
        );
        return exit(failed == 0 && late == 0);
    }
    if late == 0 && missing == 0 {
        println!("all {spans} spans had arrived before each freeze");
    } else {
        println!("{late} of {spans} spans arrived after the freeze, {missing} traces are missing");
    }
    exit(late == 0 && missing == 0 && failed == 0 && lost == 0)
}

/// Where to see the traces that went to the user's Langfuse.
pub(crate) async fn sent_away(
    surroundings: &Surroundings,
    invocations: &[Invocation],
    logs: &[LogLine],
) -> ExitCode {
    const BUDGET: Duration = Duration::from_secs(10);
    let sdk = surroundings.sdk();
    let flushes = flush_log::flushes(logs);
    for flush in &flushes {
        let Ok(trace) = TraceId::from_hex(&flush.trace) else {
            continue;
        };
        match sdk.trace_url(trace, BUDGET).await {
            Ok(url) => println!("{url}"),
            Err(error) => println!("trace {trace}: {error}"),
        }
    }
    let kept: usize = flushes.last().map_or(0, |flush| flush.waiting);
    let failed = invocations
        .iter()
        .filter(|invocation| invocation.result.is_err())
        .count();
    println!(
        "{} traces sent before each freeze, {kept} spans still waiting",
        flushes.len()
    );
    exit(kept == 0 && failed == 0 && flushes.len() == invocations.len())
}

/// What happened when, from the delivery of the event.
fn timeline(trace: &Trace, invocation: &Invocation) {
    let times = &invocation.timeline;
    let after = |moment: warmspan::testkit::Moment| millis(moment.since(times.delivered));
    let arrived = trace
        .observations()
        .iter()
        .map(|observation| observation.received_at)
        .max();
    let mut steps = Vec::new();
    if let Some(arrived) = arrived {
        steps.push(format!("spans arrived {}", after(arrived)));
    }
    if let Some(responded) = times.responded {
        steps.push(format!("response {}", after(responded)));
    }
    if let Some(frozen) = times.frozen {
        steps.push(format!("frozen {}", after(frozen)));
    }
    println!("     {}\n", steps.join("  →  "));
}

fn is_of(trace: &Trace, invocation: &Invocation) -> bool {
    trace
        .root()
        .is_some_and(|root| root.text("faas.invocation_id") == Some(&invocation.request_id))
}

fn exit(is_success: bool) -> ExitCode {
    if is_success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

/// The answer in the response that API Gateway would pass on.
fn answer(response: &[u8]) -> String {
    let parse = |json: &[u8]| serde_json::from_slice::<serde_json::Value>(json).ok();
    let body =
        parse(response).and_then(|response| response.get("body")?.as_str().map(str::to_owned));
    let answer = body.as_ref().and_then(|body| {
        parse(body.as_bytes())?
            .get("answer")?
            .as_str()
            .map(str::to_owned)
    });
    answer
        .or(body)
        .unwrap_or_else(|| String::from_utf8_lossy(response).into_owned())
}

fn cut(text: &str) -> String {
    const WIDTH: usize = 96;
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
