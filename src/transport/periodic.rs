//! Sending from time to time, for servers that run on between requests.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{MissedTickBehavior, interval},
};

use super::{Delivery, Patience};
use crate::{diagnostics, error::Error};

/// A thread that sends what has ended at every interval. It sleeps in between, and ends with this.
#[derive(Debug)]
pub(crate) struct Periodic {
    /// Its end is the signal.
    stop: Mutex<Option<oneshot::Sender<Infallible>>>,
}

impl Periodic {
    /// Starts it; a flush takes at most `budget`.
    pub(crate) fn start(delivery: &Arc<Delivery>, interval: Duration, budget: Duration) -> Self {
        let (stop, stopped) = oneshot::channel();
        let started = delivery.on_own_runtime(async move |delivery, lane| {
            let flush = async || {
                if delivery.queue().held(None) > 0 {
                    let _report = delivery
                        .flush_in(lane, None, budget, Patience::Prompt)
                        .await;
                }
            };
            every(interval, stopped, flush).await;
        });
        if let Err(error) = started {
            warn(&error);
        }
        Self {
            stop: Mutex::new(Some(stop)),
        }
    }

    pub(crate) fn stop(&self) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        drop(stop.take());
    }
}

fn warn(error: &Error) {
    diagnostics::warn(format_args!(
        "LANGFUSE_FLUSH_INTERVAL has no effect, since no thread could be started: {error}"
    ));
}

/// Does `work` after every `period` until stopped. Work that takes longer than that delays the next.
async fn every(period: Duration, stopped: oneshot::Receiver<Infallible>, work: impl AsyncFn()) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one is at once.
    ticks.tick().await;
    let working = async {
        loop {
            ticks.tick().await;
            work().await;
        }
    };
    tokio::select! {
        _ = stopped => {}
        () = working => {}
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn work_is_done_once_a_period_until_it_is_stopped() {
        let (stop, stopped) = oneshot::channel();
        let (times, at_stop) = (Cell::new(0), Cell::new(0));
        let work = async || times.set(times.get() + 1);
        tokio::join!(every(PERIOD, stopped, work), async {
            tokio::time::sleep(PERIOD.mul_f32(0.9)).await;
            assert_eq!(times.get(), 0, "before the first period is over");
            tokio::time::sleep(PERIOD * 3).await;
            at_stop.set(times.get());
            drop(stop);
        });
        tokio::time::sleep(PERIOD * 3).await;
        assert_eq!((at_stop.get(), times.get()), (3, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_long_is_not_made_up_for() {
        let (stop, stopped) = oneshot::channel();
        let times = Cell::new(0);
        let work = async || {
            times.set(times.get() + 1);
            if times.get() == 1 {
                tokio::time::sleep(PERIOD * 10).await;
            }
        };
        tokio::join!(every(PERIOD, stopped, work), async {
            tokio::time::sleep(PERIOD * 11 + PERIOD / 2).await;
            // The second tick was due meanwhile and comes at once; the others are left out.
            assert_eq!(times.get(), 2);
            drop(stop);
        });
    }
}
