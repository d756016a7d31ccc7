//! Requests that the stock client does not send, from a client of the library that the node uses.

use std::sync::Arc;

use dust::io::local::{LocalNode, ensure_client_key};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Sig, client};

use super::lab::Lab;

/// Trusts the key that the node is listed with, and no other.
struct Trust(String);

impl client::Handler for Trust {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        Ok(matches!(key, PublicKeyOrCertificate::PublicKey { key, .. }
            if key.fingerprint(HashAlg::Sha256).to_string() == self.0))
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

async fn log_in(lab: &Lab, node: &LocalNode) -> client::Handle<Trust> {
    let trust = Trust(node.host_key_fingerprint.clone().unwrap());
    let addr = (node.addr.unwrap(), node.port.unwrap());
    let mut session = client::connect(Arc::default(), addr, trust).await.unwrap();
    let key = ensure_client_key(&lab.dir()).unwrap().private;
    let key = PrivateKey::from_openssh(std::fs::read(key).unwrap()).unwrap();
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    assert!(
        session
            .authenticate_publickey("anybody", key)
            .await
            .unwrap()
            .success()
    );
    session
}

/// Everything up to the end of the channel, or until `until` was printed.
async fn listen(channel: &mut Channel<client::Msg>, until: &str) -> (String, Vec<ChannelMsg>) {
    let (mut said, mut rest) = (String::new(), Vec::new());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => said += &String::from_utf8_lossy(&data),
            other => rest.push(other),
        }
        if !until.is_empty() && said.contains(until) {
            break;
        }
    }
    (said, rest)
}

#[test]
fn signals_reach_the_process_and_its_death_by_one_is_told() {
    let lab = Lab::new();
    let node = lab.start("worker0");
    block_on(async {
        let session = log_in(&lab, &node).await;
        for (line, pty, sig, want) in [
            (
                "trap 'echo got; exit 4' USR1; echo up; while :; do sleep 0.02; done",
                false,
                Sig::USR1,
                "got",
            ),
            ("echo up; exec sleep 9999", false, Sig::TERM, ""),
            ("echo up; exec sleep 9999", true, Sig::INT, ""),
        ] {
            let mut channel = session.channel_open_session().await.unwrap();
            if pty {
                channel
                    .request_pty(true, "xterm", 80, 24, 0, 0, &[])
                    .await
                    .unwrap();
            }
            channel.exec(true, line).await.unwrap();
            listen(&mut channel, "up").await;
            channel.signal(sig.clone()).await.unwrap();
            let (said, rest) = listen(&mut channel, "").await;
            assert!(said.contains(want), "{said}");
            let told = rest.iter().any(|message| match message {
                ChannelMsg::ExitStatus { exit_status } => !want.is_empty() && *exit_status == 4,
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    want.is_empty() && format!("{signal_name:?}") == format!("{sig:?}")
                },
                _ => false,
            });
            assert!(told, "{rest:?}");
        }
    });
}

#[test]
fn what_a_node_does_not_have_is_refused_and_the_connection_goes_on() {
    let lab = Lab::new();
    let node = lab.start("worker0");
    block_on(async {
        let session = log_in(&lab, &node).await;
        let mut channel = session.channel_open_session().await.unwrap();
        channel.request_subsystem(true, "netconf").await.unwrap();
        assert!(matches!(channel.wait().await, Some(ChannelMsg::Failure)));
        channel.set_env(true, "HOME", "/").await.unwrap();
        assert!(matches!(channel.wait().await, Some(ChannelMsg::Failure)));
        channel.set_env(true, "DUST_RANK", "5").await.unwrap();
        assert!(matches!(channel.wait().await, Some(ChannelMsg::Success)));
        channel.exec(true, "echo $DUST_RANK").await.unwrap();
        // One thing only to a channel.
        channel.exec(true, "echo again").await.unwrap();
        let (said, rest) = listen(&mut channel, "").await;
        assert_eq!(said, "5\n");
        assert!(
            rest.iter().any(|m| matches!(m, ChannelMsg::Failure)),
            "{rest:?}"
        );
        session.channel_open_x11("127.0.0.1", 1).await.unwrap_err();
    });
}

#[test]
fn a_connection_has_many_channels_but_not_without_end() {
    let lab = Lab::new();
    let node = lab.start("worker0");
    block_on(async {
        let session = log_in(&lab, &node).await;
        let mut open = Vec::new();
        while let Ok(channel) = session.channel_open_session().await {
            open.push(channel);
            assert!(open.len() < 1_000);
        }
        assert!(open.len() >= 100, "{}", open.len());
        // Those that have ended make room.
        let mut first = open.remove(0);
        first.exec(true, "true").await.unwrap();
        listen(&mut first, "").await;
        session.channel_open_session().await.unwrap();
    });
}
