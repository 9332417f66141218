//! The least that can receive: HTTP/1.1 with keep-alive on loopback, 200 at once.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};
use warmspan::Config;

/// What it answers to everything.
pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Receives until the process ends, and shows each request to `look`. One thread has all the
/// connections, so that the scheduler of the machine treats them alike.
pub(crate) fn start(look: impl Fn(&[u8]) + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let accept = async move {
        let listener = TcpListener::from_std(listener)?;
        let look = Arc::new(look);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, Arc::clone(&look)));
        }
    };
    thread::spawn(move || -> io::Result<()> { runtime.block_on(accept) });
    Ok(address)
}

/// The settings of an SDK that sends to `address`, whatever the environment says.
pub(crate) fn config(address: SocketAddr) -> Config {
    Config::new()
        .environment_variables(std::iter::empty::<(String, String)>())
        .base_url(format!("http://{address}"))
        .public_key("pk-lf-bench")
        .secret_key("sk-lf-bench")
}

async fn serve(mut stream: TcpStream, look: Arc<impl Fn(&[u8])>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut piece = vec![0; 256 * 1024];
    loop {
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&piece[..count]);
        if length(&request) == Some(request.len()) {
            look(&request);
            request.clear();
            stream.write_all(ANSWER).await?;
        }
    }
}

/// The length of the request that begins here, once its head is there.
fn length(request: &[u8]) -> Option<usize> {
    let head_end = request
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?
        + 4;
    let head = std::str::from_utf8(&request[..head_end]).ok()?;
    let body = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    Some(head_end + body.unwrap_or(0))
}
