//! `marketing-iq functions` as a child process, called over its socket byte by byte.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::world::binary;

/// How long anything that is waited for may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const INVOCATION_ID: &str = "83a33220-a921-460a-bec0-b3f043dcf1ff";
pub(crate) const TRACE_ID: &str = "bb2bd5ee1f5a4c0c9d8e7f6a5b4c3d2e";

/// `marketing-iq functions`, as the host starts it; or `serve`, which is handler and host.
pub(crate) struct Handler {
    pub(crate) child: Child,
    pub(crate) port: u16,
    stdout: Stream,
    stderr: Stream,
}

/// What a process writes, read as it comes, so that no pipe fills up.
struct Stream {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                kept.lock().expect("nobody panics").push(line.expect("logs are text"));
            }
        });
        Self { lines, reader: Some(reader) }
    }

    fn so_far(&self) -> Vec<String> {
        self.lines.lock().expect("nobody panics").clone()
    }

    /// Everything, once the process has ended.
    fn whole(&mut self) -> Vec<String> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends with the pipe");
        }
        self.so_far()
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("the answer is text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
        let mut lines = head.lines();
        let line = lines.next().expect("a status line");
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }
}

impl Handler {
    /// Started, and listening.
    pub(crate) fn start(environment: &[(String, String)]) -> Self {
        let port = free_port();
        let mut command = Self::command("functions", environment);
        Self::listening(command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()), port)
    }

    /// `marketing-iq serve`, listening.
    pub(crate) fn serve(environment: &[(String, String)]) -> Self {
        let listen = environment.iter().find(|(name, _)| name == "MIQ_LISTEN");
        let address: SocketAddr = listen.expect("where it listens").1.parse().expect("an address");
        Self::listening(&mut Self::command("serve", environment), address.port())
    }

    fn listening(command: &mut Command, port: u16) -> Self {
        let mut child = command.spawn().expect("the binary starts");
        let stdout = Stream::read(child.stdout.take().expect("its stdout"));
        let stderr = Stream::read(child.stderr.take().expect("its stderr"));
        let handler = Self { child, port, stdout, stderr };
        handler.until("the handler listens", || handler.connect().is_ok());
        handler
    }

    /// A command with nothing but this environment.
    pub(crate) fn command(name: &str, environment: &[(String, String)]) -> Command {
        let mut command = Command::new(binary());
        command
            .arg(name)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, happened: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !happened() {
            assert!(Instant::now() < deadline, "{what}: never\n{:#?}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port)))
    }

    /// Sends a request and leaves its answer to be read later.
    pub(crate) fn send(&self, request: &[u8]) -> TcpStream {
        let mut stream = self.connect().expect("a connection");
        stream.set_read_timeout(Some(PATIENCE * 2)).expect("a timeout");
        stream.write_all(request).expect("the request is taken");
        stream
    }

    /// Sends bytes, the last of which close the connection, and reads the answer.
    pub(crate) fn exchange(&self, request: &[u8]) -> Answer {
        receive(self.send(request))
    }

    /// Calls a function as the host does; answers the status and the JSON.
    pub(crate) fn invoke(&self, function: &str, body: &str) -> (u16, Value) {
        let answer = self.exchange(&envelope_call(function, body));
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        (answer.status, answer.json())
    }

    pub(crate) fn timer(&self, function: &str, status: &Value, past_due: bool) -> (u16, Value) {
        self.invoke(function, &timer_body(function, status, past_due))
    }

    /// A queue message as the host wraps it: the text as JSON, and that as JSON once more.
    pub(crate) fn message(&self, function: &str, text: &str) -> (u16, Value) {
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let body = json!({
            "Data": {"message": quoted(text)},
            "Metadata": {
                "DequeueCount": "1",
                "ExpirationTime": "2026-11-29T03:06:19+00:00",
                "Id": quoted("52d53c5f-e212-487e-998b-abbe3b9d51e4"),
                "InsertionTime": "2026-11-22T03:06:19+00:00",
                "NextVisibleTime": "2026-11-22T03:16:20+00:00",
                "PopReceipt": quoted("MThGZWIyMDI1MDM6MDY6MjAxMjM0"),
                "sys": {
                    "MethodName": function,
                    "RandGuid": "e59556b5-892a-4465-a19d-4396f0978dab",
                    "UtcNow": "2026-11-22T03:06:20.7562691Z",
                },
            },
        });
        self.invoke(function, &body.to_string())
    }

    /// The lines of its log so far, each a JSON object.
    #[track_caller]
    pub(crate) fn log(&self) -> Vec<Value> {
        parsed(&self.stdout.so_far())
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill can be run").success(), "the handler is gone");
    }

    /// How it ended, with its log and what it wrote to stderr.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<Value>, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(Instant::now() < deadline, "the handler does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        (status, parsed(&self.stdout.whole()), self.stderr.whole())
    }

    /// Kills it, as the host does; answers its log and what it wrote to stderr.
    pub(crate) fn killed(mut self) -> (Vec<Value>, Vec<String>) {
        self.child.kill().expect("it still runs");
        let (_, log, stderr) = self.ended();
        (log, stderr)
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Reads an answer to the end of its connection.
pub(crate) fn receive(mut stream: TcpStream) -> Answer {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer ends");
    Answer::parse(&answer)
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// `POST /<FunctionName>`, chunked, with the host's headers.
pub(crate) fn envelope_call(function: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST /{function} HTTP/1.1\r\n\
         host: 127.0.0.1\r\n\
         x-azure-functions-hostversion: 4.1052.100.26071\r\n\
         x-azure-functions-invocationid: {INVOCATION_ID}\r\n\
         user-agent: Azure-Functions-Host/4.1052.100.26071\r\n\
         transfer-encoding: chunked\r\n\
         traceparent: 00-{TRACE_ID}-d3f54c84a1b2c3d4-00\r\n\
         content-type: application/json; charset=utf-8\r\n\
         connection: close\r\n\r\n"
    );
    [head.into_bytes(), chunked(body.as_bytes())].concat()
}

/// A body in chunks of any length, which need not end where characters do.
pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(1_000) {
        let mut length = String::new();
        write!(length, "{:x}\r\n", chunk.len()).expect("a string takes it");
        chunks.extend_from_slice(length.as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    chunks
}

pub(crate) fn timer_body(function: &str, status: &Value, past_due: bool) -> String {
    json!({
        "Data": {"timer": {
            "Schedule": {"AdjustForDST": true},
            "ScheduleStatus": status,
            "IsPastDue": past_due,
        }},
        "Metadata": {"sys": {
            "MethodName": function,
            "UtcNow": "2026-09-24T13:08:00.0096035Z",
            "RandGuid": "35e6e68c-7d0f-4b0a-9f50-0b6d3cf5a111",
        }},
    })
    .to_string()
}

#[track_caller]
fn parsed(lines: &[String]) -> Vec<Value> {
    let parse = |line: &String| match serde_json::from_str(line) {
        Ok(Value::Object(line)) => Value::Object(line),
        _ => panic!("a line of the log is no JSON object: {line}"),
    };
    lines.iter().map(parse).collect()
}
