// SPDX-License-Identifier: AGPL-3.0-or-later

//! mls-rs, with its storage in memory: the application says when to write, so
//! every join and every new epoch is written here, as its documentation has it,
//! and messages are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use mls_rs::client_builder::{MlsConfig, PaddingMode};
use mls_rs::error::MlsError;
use mls_rs::group::{CommitEffect, ExportedTree, GroupContext, ReceivedMessage, Roster};
use mls_rs::identity::SigningIdentity;
use mls_rs::identity::basic::{BasicCredential, BasicIdentityProvider};
use mls_rs::mls_rules::{CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle};
use mls_rs::time::MlsTime;
use mls_rs::{CipherSuite, CipherSuiteProvider, CryptoProvider, ExtensionList, Group, MlsMessage, MlsRules};

use crate::protocol::*;

const LIFETIME: Duration = Duration::from_secs(30 * 86400);

/// What requests ask of commits.
#[derive(Default)]
struct Wishes {
    path: AtomicBool,
    public: AtomicBool,
    tree: AtomicBool,
}

#[derive(Clone, Default)]
struct Rules(Arc<Wishes>);

impl MlsRules for Rules {
    type Error = MlsError;

    fn filter_proposals(
        &self,
        _: CommitDirection,
        _: CommitSource,
        _: &Roster,
        _: &GroupContext,
        proposals: ProposalBundle,
    ) -> std::result::Result<ProposalBundle, MlsError> {
        Ok(proposals)
    }

    fn commit_options(
        &self,
        _: &Roster,
        _: &GroupContext,
        _: &ProposalBundle,
    ) -> std::result::Result<CommitOptions, MlsError> {
        Ok(CommitOptions::new()
            .with_path_required(self.0.path.load(Relaxed))
            .with_ratchet_tree_extension(self.0.tree.load(Relaxed))
            .with_single_welcome_message(true))
    }

    fn encryption_options(&self, _: &Roster, _: &GroupContext) -> std::result::Result<EncryptionOptions, MlsError> {
        Ok(EncryptionOptions::new(!self.0.public.load(Relaxed), PaddingMode::None))
    }
}

struct MlsRs<P> {
    name: &'static str,
    provider: fn(CipherSuite) -> P,
    suites: &'static [u16],
}

pub fn rustcrypto() -> impl Library {
    use mls_rs_crypto_rustcrypto::RustCryptoProvider;
    let provider = |s| RustCryptoProvider::with_enabled_cipher_suites(vec![s]);
    MlsRs {
        name: "mls-rs 0.57.0 (RustCrypto)",
        provider,
        suites: &[1],
    }
}

pub fn awslc() -> impl Library {
    use mls_rs_crypto_awslc::AwsLcCryptoProvider;
    let provider = |s| AwsLcCryptoProvider::with_enabled_cipher_suites(vec![s]);
    MlsRs {
        name: "mls-rs 0.57.0 (AWS-LC)",
        provider,
        suites: &[1],
    }
}

impl<P: CryptoProvider + Clone + 'static> Library for MlsRs<P> {
    fn hello(&self, r: &mut Response) {
        r.name = self.name.into();
        r.suites = self.suites.to_vec();
        r.features = vec!["no-path", "resync", "aad", "update"];
    }

    fn client(&self, suite: u16, identity: &str) -> Result<Box<dyn Client>> {
        let suite = CipherSuite::from(suite);
        let provider = (self.provider)(suite);
        let crypto = provider.cipher_suite_provider(suite).ok_or("no such suite")?;
        let (secret, public) = crypto.signature_key_generate().map_err(|_| "no signature key")?;
        let identity = BasicCredential::new(identity.into());
        let rules = Rules::default();
        let client = mls_rs::Client::builder()
            .identity_provider(BasicIdentityProvider)
            .crypto_provider(provider)
            .mls_rules(rules.clone())
            .key_package_lifetime(LIFETIME)
            .signing_identity(SigningIdentity::new(identity.into_credential(), public), secret, suite)
            .build();
        Ok(Box::new(Device {
            client,
            wishes: rules.0,
            group: None,
            removed: false,
            rejoins: None,
        }))
    }
}

struct Device<C: MlsConfig> {
    client: mls_rs::Client<C>,
    wishes: Arc<Wishes>,
    group: Option<Group<C>>,
    removed: bool,
    rejoins: Option<u32>,
}

impl<C: MlsConfig> Device<C> {
    fn wish(&mut self, q: &Request) -> Result<&mut Group<C>> {
        self.wishes.path.store(q.path, Relaxed);
        self.wishes.public.store(q.public, Relaxed);
        self.wishes.tree.store(q.tree_info, Relaxed);
        self.group()
    }

    fn group(&mut self) -> Result<&mut Group<C>> {
        self.group.as_mut().ok_or("not in a group".into())
    }

    fn enter(&mut self, group: Group<C>) {
        self.rejoins = Some(group.current_member_index());
        self.group = Some(group);
        self.removed = false;
    }

    fn receive(&mut self, message: &[u8], kind: &mut String, data: &mut Bytes, aad: &mut Bytes) -> Result<()> {
        let group = self.group()?;
        match group.process_incoming_message_with_time(MlsMessage::from_bytes(message)?, MlsTime::now())? {
            ReceivedMessage::ApplicationMessage(m) => {
                *kind = "application".into();
                data.0 = m.data().to_vec();
                aad.0 = m.authenticated_data;
            }
            ReceivedMessage::Commit(c) => {
                *kind = "commit".into();
                aad.0 = c.authenticated_data;
                group.write_to_storage()?;
                self.removed = matches!(c.effect, CommitEffect::Removed { .. });
            }
            ReceivedMessage::Proposal(p) => {
                *kind = "proposal".into();
                aad.0 = p.authenticated_data;
            }
            _ => return Err("unexpected content".into()),
        }
        Ok(())
    }
}

impl<C: MlsConfig> Client for Device<C> {
    fn key_package(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        r.key_package.0 = r.timed(|| {
            let none = ExtensionList::default;
            Ok(self
                .client
                .generate_key_package_message(none(), none(), Some(MlsTime::now()))?
                .to_bytes()?)
        })?;
        Ok(())
    }

    fn create(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let group = r.timed(|| {
            let none = ExtensionList::default;
            let id = q.group.0.clone();
            let mut group = self
                .client
                .create_group_with_id(id, none(), none(), Some(MlsTime::now()))?;
            group.write_to_storage()?;
            Ok(group)
        })?;
        self.enter(group);
        Ok(())
    }

    fn join(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let group = r.timed(|| {
            let tree = match q.tree.0.as_slice() {
                [] => None,
                b => Some(ExportedTree::from_bytes(b)?),
            };
            let welcome = MlsMessage::from_bytes(&q.welcome.0)?;
            let (mut group, _) = self.client.join_group(tree, &welcome, Some(MlsTime::now()))?;
            group.write_to_storage()?;
            Ok(group)
        })?;
        self.enter(group);
        Ok(())
    }

    fn external(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let removal = self.rejoins.filter(|_| q.resync);
        let (group, message) = r.timed(|| {
            let info = MlsMessage::from_bytes(&q.group_info.0)?;
            let mut builder = self
                .client
                .external_commit_builder()?
                .with_authenticated_data(q.aad.0.clone());
            if let Some(leaf) = removal {
                builder = builder.with_removal(leaf);
            }
            let (mut group, message) = builder.commit_time(MlsTime::now()).build(info)?;
            group.write_to_storage()?;
            Ok((group, message.to_bytes()?))
        })?;
        r.message.0 = message;
        self.enter(group);
        Ok(())
    }

    fn propose(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let group = self.wish(q)?;
        let aad = q.aad.0.clone();
        r.message.0 = r.timed(|| {
            let message = match q.kind.as_str() {
                "add" => {
                    let kp = MlsMessage::from_bytes(&q.add.first().ok_or("no key package")?.0)?;
                    group.propose_add(kp, aad)?
                }
                "update" => group.propose_update(aad)?,
                "remove" => group.propose_remove(q.index, aad)?,
                kind => return Err(format!("no proposal {kind:?}").into()),
            };
            Ok(message.to_bytes()?)
        })?;
        Ok(())
    }

    // The library commits all pending proposals.
    fn commit(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let group = self.wish(q)?;
        let (message, welcome, tree) = r.timed(|| {
            let mut builder = group
                .commit_builder()
                .authenticated_data(q.aad.0.clone())
                .commit_time(MlsTime::now());
            for b in &q.add {
                builder = builder.add_member(MlsMessage::from_bytes(&b.0)?)?;
            }
            for i in &q.remove {
                builder = builder.remove_member(*i)?;
            }
            let out = builder.build()?;
            let welcome = out.welcome_messages().first().map(|w| w.to_bytes()).transpose()?;
            let tree = out
                .ratchet_tree()
                .filter(|_| welcome.is_some() && !q.no_tree)
                .map(|t| t.to_bytes())
                .transpose()?;
            Ok((out.commit_message().to_bytes()?, welcome, tree))
        })?;
        r.message.0 = message;
        r.welcome.0 = welcome.unwrap_or_default();
        r.tree.0 = tree.unwrap_or_default();
        Ok(())
    }

    fn apply(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        let group = self.group()?;
        r.timed(|| {
            group.apply_pending_commit()?;
            Ok(group.write_to_storage()?)
        })
    }

    fn process(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let (mut kind, mut data, mut aad) = Default::default();
        r.timed(|| self.receive(&q.message.0, &mut kind, &mut data, &mut aad))?;
        (r.kind, r.data, r.aad) = (kind, data, aad);
        Ok(())
    }

    fn protect(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let group = self.wish(q)?;
        for _ in 0..q.count.max(1) {
            let aad = q.aad.0.clone();
            let message = r.timed(|| Ok(group.encrypt_application_message(&q.data.0, aad)?.to_bytes()?))?;
            r.messages.push(Bytes(message));
        }
        Ok(())
    }

    fn unprotect(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        for m in &q.messages {
            let (mut kind, mut data, mut aad) = Default::default();
            r.timed(|| self.receive(&m.0, &mut kind, &mut data, &mut aad))?;
            (r.kind, r.data, r.aad) = (kind, data, aad);
        }
        Ok(())
    }

    fn group_info(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        let group = self.group()?;
        r.group_info.0 = r.timed(|| Ok(group.group_info_message_allowing_ext_commit(true)?.to_bytes()?))?;
        Ok(())
    }

    fn tree(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        let group = self.group()?;
        r.tree.0 = r.timed(|| Ok(group.export_tree().to_bytes()?))?;
        Ok(())
    }

    fn state(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        let mut state = State {
            active: !self.removed,
            ..State::default()
        };
        if state.active {
            let group = self.group()?;
            state.epoch = group.current_epoch();
            state.authenticator.0 = group.epoch_authenticator()?.as_bytes().to_vec();
            state.exported.0 = group
                .export_secret(EXPORT_LABEL.as_bytes(), EXPORT_CONTEXT, EXPORT_LENGTH)?
                .as_bytes()
                .to_vec();
            state.tree_hash.0 = group.context().tree_hash.clone();
            state.own = group.current_member_index();
            for m in group.roster().members_iter() {
                let basic = m.signing_identity.credential.as_basic().ok_or("no basic credential")?;
                let identity = String::from_utf8_lossy(&basic.identifier).into_owned();
                state.members.push(Member {
                    index: m.index,
                    identity,
                });
            }
        }
        r.state = Some(state);
        Ok(())
    }
}
