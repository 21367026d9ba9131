//! The programs of Prometheus, from Debian's packages `prometheus` and `prometheus-node-exporter`.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take that has to happen. Only a broken program takes so long.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a port is tried that somebody else may have taken meanwhile.
const TRIES: usize = 5;

/// Ends the test where the programs are missing, or fails it where nothing may be skipped.
macro_rules! needed {
    () => {
        if let Err(why) = $crate::metrics::programs::present() {
            let required = std::env::var_os("SOFTOFF_REQUIRE_ALL").is_some_and(|value| value == "1");
            assert!(!required, "{why}, and nothing may be skipped");
            eprintln!("skipped: {why}");
            return;
        }
    };
}
pub(crate) use needed;

/// Whether the programs can be run.
pub fn present() -> Result<(), String> {
    for program in ["prometheus", "promtool", "prometheus-node-exporter"] {
        let version = Command::new(program).arg("--version").output();
        version.map_err(|error| format!("{program} cannot be run ({error}); ./x setup installs it"))?;
    }
    Ok(())
}

/// A program that listens, and ends with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// node_exporter with nothing but the textfile collector on `dir`.
    pub fn node_exporter(dir: &Path) -> Self {
        Self::start("/metrics", |address| {
            let mut command = Command::new("prometheus-node-exporter");
            command.args(["--collector.disable-defaults", "--collector.textfile"]);
            command.arg(format!("--collector.textfile.directory={}", dir.display()));
            command.arg(format!("--web.listen-address={address}")).stderr(Stdio::null());
            command
        })
    }

    /// Prometheus, which scrapes `targets` (job and address) every second and evaluates the rules in `dir`.
    pub fn prometheus(dir: &Path, targets: &[(&str, SocketAddr)]) -> Self {
        let scraped = |(job, target): &(&str, SocketAddr)| serde_json::json!({"job_name": job, "static_configs": [{"targets": [target.to_string()]}]});
        let configuration = serde_json::json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [dir.join("softoff.rules.yml")],
            "scrape_configs": targets.iter().map(scraped).collect::<Vec<_>>(),
        });
        // JSON is YAML.
        fs::write(dir.join("prometheus.yml"), configuration.to_string()).expect("written");
        Self::start("/-/ready", |address| {
            let log = File::create(dir.join("prometheus.log")).expect("a log");
            let mut command = Command::new("prometheus");
            command.arg(format!("--config.file={}", dir.join("prometheus.yml").display()));
            command.arg(format!("--storage.tsdb.path={}", dir.join("tsdb").display()));
            command.arg(format!("--web.listen-address={address}")).stderr(log);
            command
        })
    }

    fn start(ready: &str, command: impl Fn(SocketAddr) -> Command) -> Self {
        for _ in 0..TRIES {
            let address = free();
            let mut command = command(address);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
            let mut server = Self { child, address };
            let answers = |server: &Self| server.get(ready, &[]).is_some_and(|(status, _)| status == 200);
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline && server.child.try_wait().expect("its state").is_none() {
                if answers(&server) {
                    return server;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("a program did not come up at {ready}");
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<(u16, String)> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("http://{}{path}", self.address);
        let mut response = agent.get(url).query_pairs(query.iter().copied()).call().ok()?;
        Some((response.status().as_u16(), response.body_mut().read_to_string().ok()?))
    }

    /// What it says at a path.
    pub fn text(&self, path: &str) -> String {
        self.get(path, &[]).expect("an answer").1
    }

    /// What Prometheus' API answers.
    pub fn api(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let (_, text) = self.get(path, query).expect("an answer");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(answer["status"], "success", "{path} {query:?}: {answer}");
        answer["data"].clone()
    }

    /// The series that a query gives now: their labels and values.
    pub fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let data = self.api("/api/v1/query", &[("query", query)]);
        let one = |series: &Value| {
            let value = series["value"][1].as_str().expect("a value");
            (series["metric"].clone(), value.parse().expect("a number"))
        };
        data["result"].as_array().expect("a vector").iter().map(one).collect()
    }

    /// The only value that a query gives now.
    pub fn value(&self, query: &str) -> Option<f64> {
        match self.query(query).as_slice() {
            [(_, value)] => Some(*value),
            _ => None,
        }
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "it never came about that {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}
