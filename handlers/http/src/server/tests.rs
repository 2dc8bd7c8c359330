use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::testing::TestApp;

/// Longer than anything here takes, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(30);
const NEVER: Duration = Duration::from_hours(1);
const SOON: Duration = Duration::from_millis(50);

async fn server(head_deadline: Duration, drain_deadline: Duration) -> (Server, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(address, Surface::Public, AppSlot::starting().1).await.unwrap();
    let address = server.address().unwrap();
    (Server { head_deadline, drain_deadline, ..server }, address)
}

#[tokio::test]
async fn a_request_without_a_path_is_answered() {
    let (server, address) = server(PATIENCE, PATIENCE).await;
    tokio::spawn(server.run(std::future::pending()));
    for head in ["GET health HTTP/1.1", "CONNECT a:1 HTTP/1.1", "POST x HTTP/1.1"] {
        let request = format!("{head}\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = read_to_the_end(send(address, &request).await).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head}: {answer:?}");
    }
}

async fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

async fn read_to_the_end(mut stream: TcpStream) -> String {
    let mut text = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut text)).await.expect("it is closed").unwrap();
    text
}

const WHOLE: &str = "GET / HTTP/1.1\r\nhost: miq.example\r\nconnection: close\r\n\r\n";
const HALF: &str = "GET / HTTP/1.1\r\nhost: miq";

#[tokio::test]
async fn a_connection_without_a_whole_head_is_closed() {
    let (server, address) = server(SOON, NEVER).await;
    tokio::spawn(server.run(std::future::pending()));
    for beginning in ["", "PRI * HTTP/2.0", HALF] {
        let rest = read_to_the_end(send(address, beginning).await).await;
        assert!(!rest.contains("200 OK"), "{beginning:?}: {rest}");
    }
    let answer = read_to_the_end(send(address, WHOLE).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn half_a_head_does_not_hold_up_the_end() {
    let (server, address) = server(NEVER, SOON).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async { stopped.await.unwrap_or_default() }));
    let half = send(address, HALF).await;
    // Accepted after the half, and answered: the half has been read.
    let answer = read_to_the_end(send(address, WHOLE).await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stop.send(()).unwrap();
    timeout(PATIENCE, running).await.expect("the server ends").unwrap();
    drop(half);
}

#[tokio::test]
async fn more_connections_than_may_be_open_wait_for_their_turn() {
    let (server, address) = server(NEVER, PATIENCE).await;
    tokio::spawn(Server { max_connections: 1, ..server }.run(std::future::pending()));
    let idle = send(address, "").await;
    let mut waiting = send(address, WHOLE).await;
    let mut first = [0];
    assert!(timeout(SOON, waiting.read(&mut first)).await.is_err(), "it was let in");
    drop(idle);
    assert!(read_to_the_end(waiting).await.starts_with("HTTP/1.1 200 OK"));
}

/// The body never comes: whoever waited for it would time out.
#[tokio::test]
async fn who_may_not_is_told_so_before_the_body_is_read() {
    let app = TestApp::new().await;
    let server = app.bind(Surface::Both).await;
    let address = server.address().unwrap();
    tokio::spawn(Server { body_deadline: NEVER, ..server }.run(std::future::pending()));
    for (line, status) in [
        ("POST /nowhere", 404),
        ("PUT /tenants", 405),
        ("POST /tenants", 401),
        ("PATCH /tenants/me", 401),
        ("GET /RunTransform", 404),
        ("POST /RunTransform", 404),
        ("GET /", 200),
    ] {
        for length in ["content-length: 1000000", "transfer-encoding: chunked"] {
            let head = format!("{line} HTTP/1.1\r\nhost: x\r\n{length}\r\n\r\n");
            let mut stream = send(address, &head).await;
            let mut begins = [0; 12];
            let read = timeout(PATIENCE, stream.read_exact(&mut begins)).await;
            read.unwrap_or_else(|_| panic!("{line} waits for its body")).unwrap();
            assert_eq!(begins, format!("HTTP/1.1 {status}").as_bytes(), "{line}");
        }
    }
}

/// A connection that is closed over unread bytes is reset, and the answer is lost.
#[tokio::test]
async fn who_is_refused_while_sending_still_gets_the_answer() {
    let app = TestApp::new().await;
    let server = app.bind(Surface::Public).await;
    let address = server.address().unwrap();
    tokio::spawn(server.run(std::future::pending()));
    let length = 2 << 20;
    let head = format!("POST /tenants HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let mut stream = send(address, &head).await;
    stream.write_all(&vec![b' '; length]).await.unwrap();
    stream.write_all(WHOLE.as_bytes()).await.unwrap();
    let answers = read_to_the_end(stream).await;
    assert!(answers.starts_with("HTTP/1.1 401 "), "{answers}");
    assert!(answers.contains("HTTP/1.1 200 OK"), "the connection did not live on: {answers}");
}
