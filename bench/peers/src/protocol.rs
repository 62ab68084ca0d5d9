// SPDX-License-Identifier: AGPL-3.0-or-later

//! The requests of package internal/testing/interop: see protocol.go there.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

pub type Error = Box<dyn std::error::Error>;
pub type Result<T> = std::result::Result<T, Error>;

/// Bytes that travel in base64.
#[derive(Default, Clone)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        STANDARD.decode(text).map(Bytes).map_err(D::Error::custom)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Request {
    pub op: String,
    pub client: String,
    pub suite: u16,
    pub identity: String,
    pub group: Bytes,
    pub add: Vec<Bytes>,
    pub remove: Vec<u32>,
    pub path: bool,
    pub pending: bool,
    pub public: bool,
    pub tree_info: bool,
    pub no_tree: bool,
    pub kind: String,
    pub index: u32,
    pub welcome: Bytes,
    pub tree: Bytes,
    pub group_info: Bytes,
    pub resync: bool,
    pub message: Bytes,
    pub messages: Vec<Bytes>,
    pub data: Bytes,
    pub aad: Bytes,
    pub count: usize,
    pub memory: bool,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nanos: Vec<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<&'static str>,
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub key_package: Bytes,
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub message: Bytes,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Bytes>,
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub welcome: Bytes,
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub tree: Bytes,
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub group_info: Bytes,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub data: Bytes,
    #[serde(skip_serializing_if = "Bytes::is_empty")]
    pub aad: Bytes,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    pub bytes: i64,
}

impl Response {
    /// Runs what the library does and notes how long it took.
    pub fn timed<T>(&mut self, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let done = f();
        self.nanos.push(start.elapsed().as_nanos() as u64);
        done
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    pub active: bool,
    pub epoch: u64,
    pub authenticator: Bytes,
    pub exported: Bytes,
    pub tree_hash: Bytes,
    pub own: u32,
    pub members: Vec<Member>,
}

#[derive(Serialize)]
pub struct Member {
    pub index: u32,
    pub identity: String,
}

pub const EXPORT_LABEL: &str = "interop";
pub const EXPORT_CONTEXT: &[u8] = b"context";
pub const EXPORT_LENGTH: usize = 48;

/// One device, in at most one group.
pub trait Client {
    fn key_package(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn create(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn join(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn external(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn propose(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn commit(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn apply(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn process(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn protect(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn unprotect(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn group_info(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn tree(&mut self, q: &Request, r: &mut Response) -> Result<()>;
    fn state(&mut self, q: &Request, r: &mut Response) -> Result<()>;
}

/// A library with one of its providers of cryptography.
pub trait Library {
    fn hello(&self, r: &mut Response);
    fn client(&self, suite: u16, identity: &str) -> Result<Box<dyn Client>>;
}
