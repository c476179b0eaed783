//! nginx as a plain reverse proxy: one worker, keep-alive on both sides, no log.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Proxy;
use crate::process::{Folder, Process};

/// Attempts to connect before nginx counts as not started, and the pause between them.
const CONNECT_ATTEMPTS: u32 = 200;
const CONNECT_PAUSE: Duration = Duration::from_millis(25);

/// Starts nginx in front of the provider, with its files in a folder of its own.
pub(crate) fn start(binary: &Path, provider: SocketAddr) -> Result<Proxy> {
    let folder = Folder::new("nginx")?;
    // nginx cannot be told to take any free port, so one is found for it.
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let prefix = folder.path().to_owned();
    let file = folder.write("nginx.conf", &configuration(&prefix, address, provider))?;
    let mut process = Process::start(
        binary,
        |command| {
            command.arg("-p").arg(&prefix).arg("-c").arg(&file);
            command.args(["-e", "stderr"]);
        },
        Some(folder),
    )?;
    for _ in 0..CONNECT_ATTEMPTS {
        if std::net::TcpStream::connect(address).is_ok() {
            return Ok(Proxy {
                name: "nginx",
                process,
                address,
                unary_path: "/v1/chat/completions",
                stream_path: "/stream/v1/chat/completions",
            });
        }
        std::thread::sleep(CONNECT_PAUSE);
    }
    let never: Result<()> = process.read_until(|_| None);
    never.context("nginx did not start")?;
    anyhow::bail!("nginx did not start")
}

/// Whole answers are buffered as nginx does by default; streams are not, as is usual for events.
fn configuration(folder: &Path, address: SocketAddr, provider: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream provider {{
        server {provider};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    server {{
        listen {address};
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        location / {{ proxy_pass http://provider; }}
        location /stream/ {{
            proxy_pass http://provider/;
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"
    )
}
