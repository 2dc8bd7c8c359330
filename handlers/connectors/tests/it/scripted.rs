//! A server that answers each call with the next bytes of a script, whatever they are.

use std::sync::{Arc, Mutex};

use connectors::{Endpoints, OAuthClient, PlatformConfig, Platforms, Timing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// What to do with one call.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Send these bytes, then close.
    Send(Vec<u8>),
    /// Send these bytes, then nothing until the client hangs up.
    SendAndHang(Vec<u8>),
}

/// A good answer with this JSON.
pub(crate) fn ok(body: impl AsRef<str>) -> Act {
    answer("200 OK", "", body)
}

/// `headers`: whole lines, each with its line end.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<str>) -> Act {
    let body = body.as_ref();
    let length = body.len();
    Act::Send(
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .into_bytes(),
    )
}

/// A good answer that is cut after so many bytes of its body.
pub(crate) fn cut(body: &str, after: usize) -> Act {
    let Act::Send(mut bytes) = ok(body) else { unreachable!("it always sends") };
    bytes.truncate(bytes.len() - body.len() + after);
    Act::Send(bytes)
}

pub(crate) struct Server {
    base: Url,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn playing(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&calls);
        tokio::spawn(async move {
            for act in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let call = read_call(&mut stream).await;
                heard.lock().unwrap().push(call);
                // The client may have hung up already, as it should when it has seen enough.
                drop(play(&mut stream, act).await);
            }
        });
        Self { base, calls }
    }

    /// The calls so far, head and body.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// All platforms, here.
    pub(crate) fn platforms(&self, timing: Timing) -> Platforms {
        let app = OAuthClient { id: "app".to_owned(), secret: "app-secret".into() };
        let base = &self.base;
        Platforms::new(PlatformConfig {
            endpoints: Endpoints {
                google_ads_url: base.clone(),
                meta_graph_url: base.clone(),
                meta_dialog_url: base.clone(),
                analytics_data_url: base.clone(),
                analytics_admin_url: base.clone(),
                google_authorize_url: base.clone(),
                google_token_url: base.clone(),
                google_revoke_url: base.clone(),
            },
            google: Some(app.clone()),
            meta: Some(app),
            google_ads_developer_token: None,
            timing,
        })
        .unwrap()
    }
}

async fn play(stream: &mut TcpStream, act: Act) -> std::io::Result<()> {
    match act {
        Act::Send(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Act::SendAndHang(bytes) => {
            stream.write_all(&bytes).await?;
            stream.read(&mut [0; 64]).await.map(drop)
        }
    }
}

/// One request with its body, as text.
async fn read_call(stream: &mut TcpStream) -> String {
    let mut call = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        call.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&call);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse().unwrap());
            if body.len() >= length {
                return text.into_owned();
            }
        }
        assert!(read > 0, "the call breaks off");
    }
}
