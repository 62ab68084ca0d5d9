// SPDX-License-Identifier: AGPL-3.0-or-later

//! Answers the requests of package internal/testing/interop with other implementations
//! of MLS. usage: peer KIND

mod memory;
mod mlsrs;
mod openmls_peer;
mod protocol;

use std::collections::HashMap;
use std::io::{BufRead, Write};

use protocol::{Client, Library, Request, Response, Result};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn library(kind: &str) -> Result<Box<dyn Library>> {
    Ok(match kind {
        "openmls-rustcrypto" => Box::new(openmls_peer::rustcrypto()),
        "openmls-libcrux" => Box::new(openmls_peer::libcrux()),
        "mls-rs-rustcrypto" => Box::new(mlsrs::rustcrypto()),
        "mls-rs-awslc" => Box::new(mlsrs::awslc()),
        _ => return Err(format!("no kind {kind:?}").into()),
    })
}

struct Peer {
    library: Box<dyn Library>,
    clients: HashMap<String, Box<dyn Client>>,
}

impl Peer {
    fn answer(&mut self, q: &Request) -> Result<Response> {
        let mut r = Response::default();
        match q.op.as_str() {
            "hello" => {
                self.library.hello(&mut r);
                return Ok(r);
            }
            "drop" => {
                self.clients.remove(&q.client);
                return Ok(r);
            }
            "key_package" | "create" | "external" if !self.clients.contains_key(&q.client) => {
                let client = self.library.client(q.suite, &q.identity)?;
                self.clients.insert(q.client.clone(), client);
            }
            _ => {}
        }
        let c = self.clients.get_mut(&q.client).ok_or("no such client")?;
        let before = if q.memory { memory::live() } else { 0 };
        match q.op.as_str() {
            "key_package" => c.key_package(q, &mut r),
            "create" => c.create(q, &mut r),
            "join" => c.join(q, &mut r),
            "external" => c.external(q, &mut r),
            "propose" => c.propose(q, &mut r),
            "commit" => c.commit(q, &mut r),
            "apply" => c.apply(q, &mut r),
            "process" => c.process(q, &mut r),
            "protect" => c.protect(q, &mut r),
            "unprotect" => c.unprotect(q, &mut r),
            "group_info" => c.group_info(q, &mut r),
            "tree" => c.tree(q, &mut r),
            "state" => c.state(q, &mut r),
            _ => Err("no such operation".into()),
        }?;
        if q.memory {
            r.bytes = memory::live() - before;
        }
        Ok(r)
    }
}

fn main() -> Result<()> {
    memory::begin();
    let kind = std::env::args().nth(1).ok_or("usage: peer KIND")?;
    let mut peer = Peer {
        library: library(&kind)?,
        clients: HashMap::new(),
    };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = serde_json::from_str(&line?)
            .map_err(Into::into)
            .and_then(|q| peer.answer(&q));
        let r = answer.unwrap_or_else(|e| Response {
            error: e.to_string(),
            ..Response::default()
        });
        serde_json::to_writer(&mut out, &r)?;
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}
