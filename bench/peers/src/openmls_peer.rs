// SPDX-License-Identifier: AGPL-3.0-or-later

//! openmls, with its storage in memory: it writes by itself whatever changes.

use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _};
use openmls::prelude::*;
use openmls_basic_credential::SignatureKeyPair;
use openmls_memory_storage::MemoryStorage;

use crate::protocol::*;

const SUITES: [Ciphersuite; 2] = [
    Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519,
    Ciphersuite::MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519,
];
const LIFETIME: u64 = 30 * 86400;

trait Provider: OpenMlsProvider<StorageProvider = MemoryStorage> + 'static {}
impl<P: OpenMlsProvider<StorageProvider = MemoryStorage> + 'static> Provider for P {}

struct OpenMls<P> {
    name: &'static str,
    provider: fn() -> Result<P>,
}

pub fn rustcrypto() -> impl Library {
    OpenMls {
        name: "openmls 0.9.2 (RustCrypto)",
        provider: || Ok(openmls_rust_crypto::OpenMlsRustCrypto::default()),
    }
}

pub fn libcrux() -> impl Library {
    OpenMls {
        name: "openmls 0.9.2 (libcrux)",
        provider: || Ok(openmls_libcrux_crypto::Provider::new()?),
    }
}

impl<P: Provider> Library for OpenMls<P> {
    fn hello(&self, r: &mut Response) {
        r.name = self.name.into();
        if let Ok(p) = (self.provider)() {
            let offered = |s: &&Ciphersuite| p.crypto().supports(**s).is_ok();
            r.suites = SUITES.iter().filter(offered).map(|s| u16::from(*s)).collect();
        }
        r.features = vec!["no-path", "resync", "aad", "update"];
    }

    fn client(&self, suite: u16, identity: &str) -> Result<Box<dyn Client>> {
        let suite = Ciphersuite::try_from(suite)?;
        let signer = SignatureKeyPair::new(suite.signature_algorithm())?;
        let provider = (self.provider)()?;
        signer.store(provider.storage())?;
        let credential = CredentialWithKey {
            credential: BasicCredential::new(identity.into()).into(),
            signature_key: signer.to_public_vec().into(),
        };
        Ok(Box::new(Device {
            suite,
            provider,
            signer,
            credential,
            group: None,
            configured: (false, false),
        }))
    }
}

struct Device<P> {
    suite: Ciphersuite,
    provider: P,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
    group: Option<MlsGroup>,
    configured: (bool, bool), // public handshakes, tree in the welcome
}

fn policy(public: bool) -> WireFormatPolicy {
    match public {
        true => MIXED_PLAINTEXT_WIRE_FORMAT_POLICY,
        false => MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY,
    }
}

fn join_config(public: bool, tree: bool) -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(policy(public))
        .use_ratchet_tree_extension(tree)
        .build()
}

fn body(b: &Bytes) -> Result<MlsMessageBodyIn> {
    Ok(MlsMessageIn::tls_deserialize_exact(&b.0)?.extract())
}

impl<P: Provider> Device<P> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(None, Some(&[self.suite]), None, None, None)
    }

    fn parsed(&self, b: &Bytes) -> Result<KeyPackage> {
        match body(b)? {
            MlsMessageBodyIn::KeyPackage(kp) => Ok(kp.validate(self.provider.crypto(), ProtocolVersion::Mls10)?),
            _ => Err("no key package".into()),
        }
    }

    /// Prepares the group for a request; it writes the configuration only when that changes.
    fn prepare(&mut self, q: &Request) -> Result<()> {
        let wanted = (q.public, q.tree_info);
        let group = self.group.as_mut().ok_or("not in a group")?;
        if self.configured != wanted {
            let config = join_config(wanted.0, wanted.1);
            group.set_configuration(self.provider.storage(), &config)?;
            self.configured = wanted;
        }
        group.set_aad(q.aad.0.clone());
        Ok(())
    }

    fn receive(&mut self, message: &[u8], kind: &mut String, data: &mut Bytes, aad: &mut Bytes) -> Result<()> {
        let group = self.group.as_mut().ok_or("not in a group")?;
        let message = MlsMessageIn::tls_deserialize_exact(message)?.try_into_protocol_message()?;
        let processed = group.process_message(&self.provider, message)?;
        aad.0 = processed.aad().to_vec();
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(m) => {
                *kind = "application".into();
                data.0 = m.into_bytes();
            }
            ProcessedMessageContent::ProposalMessage(p) => {
                *kind = "proposal".into();
                group.store_pending_proposal(self.provider.storage(), *p)?;
            }
            ProcessedMessageContent::StagedCommitMessage(c) => {
                *kind = "commit".into();
                group.merge_staged_commit(&self.provider, *c)?;
            }
            _ => return Err("unexpected content".into()),
        }
        Ok(())
    }
}

impl<P: Provider> Client for Device<P> {
    fn key_package(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        r.key_package.0 = r.timed(|| {
            let bundle = KeyPackage::builder()
                .key_package_lifetime(Lifetime::new(LIFETIME))
                .leaf_node_capabilities(self.capabilities())
                .build(self.suite, &self.provider, &self.signer, self.credential.clone())?;
            Ok(MlsMessageOut::from(bundle.into_key_package()).to_bytes()?)
        })?;
        Ok(())
    }

    fn create(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(self.suite)
            .wire_format_policy(policy(false))
            .capabilities(self.capabilities())
            .lifetime(Lifetime::new(LIFETIME))
            .build();
        let id = GroupId::from_slice(&q.group.0);
        let credential = self.credential.clone();
        self.group = Some(r.timed(|| {
            Ok(MlsGroup::new_with_group_id(
                &self.provider,
                &self.signer,
                &config,
                id,
                credential,
            )?)
        })?);
        Ok(())
    }

    fn join(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let config = join_config(false, false);
        self.group = Some(r.timed(|| {
            let MlsMessageBodyIn::Welcome(welcome) = body(&q.welcome)? else {
                return Err("no welcome".into());
            };
            let tree = match q.tree.0.as_slice() {
                [] => None,
                b => Some(RatchetTreeIn::tls_deserialize_exact(b)?),
            };
            let staged = StagedWelcome::new_from_welcome(&self.provider, &config, welcome, tree)?;
            Ok(staged.into_group(&self.provider)?)
        })?);
        self.configured = (false, false);
        Ok(())
    }

    // A leaf with the same credential is replaced.
    fn external(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        if let Some(mut old) = self.group.take() {
            old.delete(self.provider.storage())?;
        }
        let leaf = LeafNodeParameters::builder()
            .with_capabilities(self.capabilities())
            .build();
        let credential = self.credential.clone();
        let (group, message) = r.timed(|| {
            let MlsMessageBodyIn::GroupInfo(info) = body(&q.group_info)? else {
                return Err("no group info".into());
            };
            let (group, bundle) = MlsGroup::external_commit_builder()
                .with_config(join_config(false, false))
                .with_aad(q.aad.0.clone())
                .build_group(&self.provider, info, credential)?
                .leaf_node_parameters(leaf)
                .load_psks(self.provider.storage())?
                .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| true)?
                .finalize(&self.provider)?;
            Ok((group, bundle.into_commit().to_bytes()?))
        })?;
        r.message.0 = message;
        self.group = Some(group);
        self.configured = (false, false);
        Ok(())
    }

    fn propose(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        self.prepare(q)?;
        r.message.0 = r.timed(|| {
            let guest = match q.kind.as_str() {
                "add" => Some(self.parsed(q.add.first().ok_or("no key package")?)?),
                _ => None,
            };
            let group = self.group.as_mut().ok_or("not in a group")?;
            let (message, _) = match (q.kind.as_str(), guest) {
                (_, Some(kp)) => group.propose_add_member(&self.provider, &self.signer, &kp)?,
                ("update", _) => {
                    group.propose_self_update(&self.provider, &self.signer, LeafNodeParameters::default())?
                }
                ("remove", _) => {
                    group.propose_remove_member(&self.provider, &self.signer, LeafNodeIndex::new(q.index))?
                }
                (kind, _) => return Err(format!("no proposal {kind:?}").into()),
            };
            Ok(message.to_bytes()?)
        })?;
        Ok(())
    }

    fn commit(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        self.prepare(q)?;
        let (message, welcome, tree) = r.timed(|| {
            let adds = q.add.iter().map(|b| self.parsed(b)).collect::<Result<Vec<_>>>()?;
            let group = self.group.as_mut().ok_or("not in a group")?;
            let bundle = group
                .commit_builder()
                .consume_proposal_store(q.pending)
                .force_self_update(q.path)
                .propose_adds(adds)
                .propose_removals(q.remove.iter().map(|i| LeafNodeIndex::new(*i)))
                .load_psks(self.provider.storage())?
                .build(self.provider.rand(), self.provider.crypto(), &self.signer, |_| true)?
                .stage_commit(&self.provider)?;
            let welcome = bundle.to_welcome_msg().map(|w| w.to_bytes()).transpose()?;
            let tree = match (&welcome, group.pending_commit()) {
                (Some(_), Some(c)) if !q.tree_info && !q.no_tree => {
                    c.export_ratchet_tree(self.provider.crypto(), group.export_ratchet_tree())?
                }
                _ => None,
            };
            let tree = tree.map(|t| t.tls_serialize_detached()).transpose()?;
            Ok((bundle.into_commit().to_bytes()?, welcome, tree))
        })?;
        r.message.0 = message;
        r.welcome.0 = welcome.unwrap_or_default();
        r.tree.0 = tree.unwrap_or_default();
        Ok(())
    }

    fn apply(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        let group = self.group.as_mut().ok_or("not in a group")?;
        r.timed(|| Ok(group.merge_pending_commit(&self.provider)?))
    }

    fn process(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        let (mut kind, mut data, mut aad) = Default::default();
        r.timed(|| self.receive(&q.message.0, &mut kind, &mut data, &mut aad))?;
        (r.kind, r.data, r.aad) = (kind, data, aad);
        Ok(())
    }

    fn protect(&mut self, q: &Request, r: &mut Response) -> Result<()> {
        for _ in 0..q.count.max(1) {
            self.group.as_mut().ok_or("not in a group")?.set_aad(q.aad.0.clone());
            let group = self.group.as_mut().ok_or("not in a group")?;
            let message = r.timed(|| {
                Ok(group
                    .create_message(&self.provider, &self.signer, &q.data.0)?
                    .to_bytes()?)
            })?;
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
        let group = self.group.as_ref().ok_or("not in a group")?;
        r.group_info.0 = r.timed(|| {
            Ok(group
                .export_group_info(self.provider.crypto(), &self.signer, true)?
                .to_bytes()?)
        })?;
        Ok(())
    }

    fn tree(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        let group = self.group.as_ref().ok_or("not in a group")?;
        r.tree.0 = r.timed(|| Ok(group.export_ratchet_tree().tls_serialize_detached()?))?;
        Ok(())
    }

    fn state(&mut self, _: &Request, r: &mut Response) -> Result<()> {
        let group = self.group.as_ref().ok_or("not in a group")?;
        let mut state = State {
            active: group.is_active(),
            ..State::default()
        };
        if state.active {
            state.epoch = group.epoch().as_u64();
            state.authenticator.0 = group.epoch_authenticator().as_slice().to_vec();
            state.exported.0 =
                group.export_secret(self.provider.crypto(), EXPORT_LABEL, EXPORT_CONTEXT, EXPORT_LENGTH)?;
            state.tree_hash.0 = group.public_group().group_context().tree_hash().to_vec();
            state.own = group.own_leaf_index().u32();
            state.members = group
                .members()
                .map(|m| crate::protocol::Member {
                    index: m.index.u32(),
                    identity: String::from_utf8_lossy(m.credential.serialized_content()).into_owned(),
                })
                .collect();
        }
        r.state = Some(state);
        Ok(())
    }
}
