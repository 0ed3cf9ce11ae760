//! A foreign issuer: keys of its own, tokens signed with them, and a server on a raw socket that
//! publishes what it is told to and counts who asks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::TestApp;
use super::app::BEGINNING;

/// What the server does with whoever asks.
#[derive(Clone)]
pub(crate) enum Answer {
    Says {
        status: u16,
        head: String,
        body: String,
    },
    /// Nothing, until it hangs up.
    Silence,
    /// Accepts, and closes.
    Close,
}

/// A server of keys. Dropping it closes it.
pub(crate) struct Issuer {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    asked: watch::Receiver<Vec<String>>,
    hang_up: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

/// A key that signs, and what is published of it.
pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) jwk: Value,
    key: EncodingKey,
}

impl Issuer {
    /// Publishes these keys.
    pub(crate) async fn publishing(keys: &[&SigningKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(set(keys)));
        let (visitors, asked) = watch::channel(Vec::new());
        let hang_up = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        let silent = hang_up.subscribe();
        tasks.spawn(accept(listener, Arc::clone(&answer), visitors, silent));
        Self {
            address,
            answer,
            asked,
            hang_up,
            _tasks: tasks,
        }
    }

    /// Where it is, as Better Auth would be configured with it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn publishes(&self, keys: &[&SigningKey]) {
        self.answers(set(keys));
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The request lines of whoever has asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Waits until so many have asked.
    pub(crate) async fn is_asked(&self, times: usize) {
        let mut asked = self.asked.clone();
        asked.wait_for(|asked| asked.len() >= times).await.unwrap();
    }

    /// Closes the connections that it was silent on.
    pub(crate) fn hangs_up(&self) {
        self.hang_up.send_replace(true);
    }

    pub(crate) fn hits(&self) -> usize {
        self.asked.borrow().len()
    }

    /// An application that takes it for its Better Auth server.
    pub(crate) async fn app(&self) -> TestApp {
        TestApp::with(&[("BETTER_AUTH_URL", &self.url())]).await
    }

    /// What a token of Better Auth says of this user, for a quarter of an hour.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        let now = BEGINNING / 1_000_000;
        json!({"iat": now, "exp": now + 900, "iss": self.url(), "aud": self.url(), "sub": subject,
            "id": subject, "name": "Ada", "email": format!("{subject}@elsewhere.example"),
            "emailVerified": false, "image": null})
    }
}

/// A key set as an answer.
pub(crate) fn set(keys: &[&SigningKey]) -> Answer {
    let jwks: Vec<_> = keys.iter().map(|key| &key.jwk).collect();
    published(&json!({ "keys": jwks }).to_string())
}

/// This text with status 200.
pub(crate) fn published(body: &str) -> Answer {
    Answer::Says {
        status: 200,
        head: String::new(),
        body: body.to_owned(),
    }
}

impl SigningKey {
    pub(crate) fn ed25519(kid: &str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(der.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x, "kid": kid});
        Self::of(
            kid,
            Algorithm::EdDSA,
            jwk,
            EncodingKey::from_ed_der(der.as_ref()),
        )
    }

    pub(crate) fn p256(kid: &str) -> Self {
        let way = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(way, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(way, der.as_ref()).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (&point[1..33], &point[33..]);
        let jwk = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
        Self::of(
            kid,
            Algorithm::ES256,
            jwk,
            EncodingKey::from_ec_der(der.as_ref()),
        )
    }

    /// For `RS256` or `PS256`.
    pub(crate) fn rsa(kid: &str, algorithm: Algorithm) -> Self {
        let pair = rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let public = pair.public_key();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kty": "RSA", "alg": format!("{algorithm:?}"), "kid": kid,
            "n": part(public.modulus().big_endian_without_leading_zero()),
            "e": part(public.exponent().big_endian_without_leading_zero())});
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self::of(kid, algorithm, jwk, key)
    }

    pub(crate) fn secret(secret: &[u8]) -> Self {
        let key = EncodingKey::from_secret(secret);
        Self::of("none", Algorithm::HS256, Value::Null, key)
    }

    fn of(kid: &str, algorithm: Algorithm, jwk: Value, key: EncodingKey) -> Self {
        Self {
            kid: kid.to_owned(),
            algorithm,
            jwk,
            key,
        }
    }

    /// As Better Auth writes them: no `typ`.
    pub(crate) fn head(&self) -> Value {
        if self.algorithm == Algorithm::HS256 {
            return json!({"alg": "HS256"});
        }
        json!({"alg": format!("{:?}", self.algorithm), "kid": self.kid})
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(&self.head(), claims)
    }

    pub(crate) fn token_with(&self, head: &Value, claims: &Value) -> String {
        self.sign(&head.to_string(), &claims.to_string())
    }

    /// Signs whatever is written there.
    pub(crate) fn sign(&self, head: &str, claims: &str) -> String {
        let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
        let message = format!("{}.{}", encode(head), encode(claims));
        let signature = sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

async fn accept(
    listener: TcpListener,
    answer: Arc<Mutex<Answer>>,
    visitors: watch::Sender<Vec<String>>,
    silent: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let answer = Arc::clone(&answer);
        let (visitors, silent) = (visitors.clone(), silent.clone());
        connections.spawn(async move {
            let _ = serve(stream, &answer, &visitors, silent).await;
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &Mutex<Answer>,
    visitors: &watch::Sender<Vec<String>>,
    mut silent: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    visitors.send_modify(|asked| asked.push(head.lines().next().unwrap_or_default().to_owned()));
    let answer = answer.lock().unwrap().clone();
    match answer {
        Answer::Says { status, head, body } => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} As told\r\n{head}content-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            );
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        }
        Answer::Silence => {
            let _ = silent.wait_for(|it| *it).await;
            Ok(())
        }
        Answer::Close => Ok(()),
    }
}
