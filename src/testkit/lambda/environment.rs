//! One execution environment, from outside.

use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::api::Api;
use super::builder::Settings;
use super::emulator::Record;
use super::error::{EmulatorError, ErrorKind};
use super::invocation::Invocation;
use super::lifecycle::{Lifecycle, Order};
use super::shutdown::Shutdown;
use super::variables::variables;
use crate::testkit::Moment;
use crate::testkit::log::Log;
use crate::testkit::loopback::Loopback;
use crate::testkit::process::Process;
use crate::testkit::shared::Shared;

/// How long a drop waits for the killed process, which takes milliseconds.
const BURIAL: Duration = Duration::from_secs(2);

/// One execution environment: a process, and a server that only this process knows.
///
/// A new environment has a new port, so that nothing that an old process left behind can disturb it.
pub(super) struct Environment {
    orders: mpsc::UnboundedSender<Order>,
    /// Disconnected when the process is gone.
    ended: Shared<std_mpsc::Receiver<()>>,
    api: Loopback,
}

impl Environment {
    /// Spawns the function and runs its INIT.
    pub(super) async fn init(
        settings: &Arc<Settings>,
        log: &Log,
        record: &Shared<Record>,
    ) -> Result<Self, EmulatorError> {
        let (calls, inbox) = mpsc::unbounded_channel();
        let service = Api {
            function_name: settings.function_name.clone(),
            calls,
            record: record.clone(),
        };
        let api =
            Loopback::start("lambda", move |request, _| service.clone().answer(request)).await;
        let api = api.map_err(ErrorKind::Server)?;

        record.lock().begin();
        let started = Moment::now();
        let process = {
            let (settings, address, log) = (Arc::clone(settings), api.address(), log.clone());
            api.host()
                .run(async move {
                    Process::spawn(
                        &settings.bootstrap,
                        &settings.args,
                        variables(&settings, address),
                        &log,
                    )
                })
                .await
        };
        let process = process
            .and_then(|spawned| spawned)
            .map_err(|source| ErrorKind::Spawn {
                path: settings.bootstrap.clone(),
                source,
            })?;
        record.lock().process_id = process.id();

        let (orders, order_inbox) = mpsc::unbounded_channel();
        let (alive, ended) = std_mpsc::channel();
        let (initialised, init) = oneshot::channel();
        let lifecycle = Lifecycle::new(
            Arc::clone(settings),
            process,
            started,
            initialised,
            record.clone(),
            log.clone(),
        );
        let closed = api.all_closed();
        api.host().handle().spawn(async move {
            lifecycle.run(inbox, order_inbox, closed).await;
            drop(alive);
        });
        let environment = Self {
            orders,
            ended: Shared::new(ended),
            api,
        };
        init.await.unwrap_or(Err(ErrorKind::Gone))?;
        Ok(environment)
    }

    /// Whether it still takes events.
    pub(super) fn is_alive(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Invokes the function; `None` if the environment ended before the event was delivered.
    pub(super) async fn invoke(&self, payload: Bytes) -> Option<Invocation> {
        let (reply, invocation) = oneshot::channel();
        self.orders.send(Order::Invoke { payload, reply }).ok()?;
        invocation.await.ok()
    }

    /// Lets real time pass, whatever the caller's clock does.
    pub(super) async fn pass(&self, time: Duration) {
        // An error means that there is nothing left that time could pass for.
        self.api.host().run(tokio::time::sleep(time)).await.ok();
    }

    /// Ends it by AWS's rules; `None` if it had ended by itself.
    pub(super) async fn shutdown(&self) -> Option<Shutdown> {
        let (reply, shutdown) = oneshot::channel();
        self.orders.send(Order::Shutdown { reply }).ok()?;
        shutdown.await.ok()
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // An error means that it ends by itself.
        self.orders.send(Order::Kill).ok();
        // Nothing is ever received: the sender is gone when the process is.
        self.ended.lock().recv_timeout(BURIAL).ok();
    }
}
