//! Clients that prove who they are.

use transom_auth::client::{Cryptosign, Scram, wampcra};
use transom_auth::{Env, Method, PrivateKey, Secret};
use transom_wamp::{
    Abort, Authenticate, Challenge, ClientRoles, Dict, Features, Hello, HelloDetails, Message, Serializer,
    Text, Value, Welcome,
};

use crate::{Carrier, Client, Target};

/// How a client proves who it is.
#[derive(Debug, Clone)]
pub struct Login {
    methods: Vec<&'static str>,
    authid: Option<String>,
    realm: Option<String>,
    proof: Proof,
    shown: Dict,
}

#[derive(Debug, Clone)]
enum Proof {
    Nothing,
    Ticket(String),
    Wampcra(String),
    Scram(String),
    Cryptosign(String),
}

impl Login {
    fn new(method: &'static str, authid: Option<&str>, proof: Proof) -> Self {
        let authid = authid.map(str::to_owned);
        Login {
            methods: vec![method],
            authid,
            realm: Some("realm1".to_owned()),
            proof,
            shown: Dict::default(),
        }
    }

    /// By a method that asks nothing.
    pub fn by(method: &'static str) -> Self {
        Login::new(method, None, Proof::Nothing)
    }

    /// By a ticket.
    pub fn ticket(authid: &str, ticket: &str) -> Self {
        Login::new("ticket", Some(authid), Proof::Ticket(ticket.to_owned()))
    }

    /// By WAMP-CRA with this secret.
    pub fn wampcra(authid: &str, secret: &str) -> Self {
        Login::new("wampcra", Some(authid), Proof::Wampcra(secret.to_owned()))
    }

    /// By SCRAM with this password.
    pub fn scram(authid: &str, password: &str) -> Self {
        Login::new("scram", Some(authid), Proof::Scram(password.to_owned()))
    }

    /// By this private key, 64 hexadecimal digits.
    pub fn cryptosign(authid: Option<&str>, key: &str) -> Self {
        Login::new("cryptosign", authid, Proof::Cryptosign(key.to_owned()))
    }

    /// Offers this method first.
    #[must_use]
    pub fn or_rather(mut self, method: &'static str) -> Self {
        self.methods.insert(0, method);
        self
    }

    /// Asks for this identity.
    #[must_use]
    pub fn named(mut self, authid: &str) -> Self {
        self.authid = Some(authid.to_owned());
        self
    }

    /// Asks for another realm, or for none.
    #[must_use]
    pub fn to(mut self, realm: Option<&str>) -> Self {
        self.realm = realm.map(str::to_owned);
        self
    }

    /// Says this too in `authextra` of a method that says something there.
    #[must_use]
    pub fn showing(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.shown.push(key, value);
        self
    }

    /// Logs in over RawSocket: the session, or the refusal.
    pub async fn at(&self, target: &Target) -> Result<(Client, Welcome), Abort> {
        let mut client = Client::connect(target, Carrier::RawSocket, Serializer::Json).await;
        let welcome = self.with(&mut client).await?;
        Ok((client, welcome))
    }

    /// Logs in on a connection without a session.
    pub async fn with(&self, client: &mut Client) -> Result<Welcome, Abort> {
        self.say_hello(client).await;
        self.finish(client).await
    }

    /// Says HELLO.
    pub async fn say_hello(&self, client: &mut Client) {
        let role = || Some(Features::default());
        let roles = ClientRoles { publisher: role(), subscriber: role(), caller: role(), callee: role() };
        let details = HelloDetails {
            roles,
            authmethods: Some(self.methods.iter().map(|method| Text::from(*method)).collect()),
            authid: self.authid.as_deref().map(Text::from),
            authextra: self.extra().map(|mut extra| {
                extra.0.extend(self.shown.0.iter().cloned());
                extra
            }),
            ..HelloDetails::default()
        };
        let realm = self.realm.as_deref().map(Text::from);
        client.send(Message::Hello(Box::new(Hello { realm, details }))).await;
    }

    /// What comes after HELLO.
    pub async fn finish(&self, client: &mut Client) -> Result<Welcome, Abort> {
        match client.receive().await {
            Message::Welcome(welcome) => return Ok(welcome),
            Message::Abort(abort) => return Err(abort),
            Message::Challenge(challenge) => {
                let answer = self.answer(&challenge);
                client.send(Message::Authenticate(answer)).await;
            }
            other => panic!("{other:?}"),
        }
        match client.receive().await {
            Message::Welcome(welcome) => Ok(welcome),
            Message::Abort(abort) => Err(abort),
            other => panic!("{other:?}"),
        }
    }

    fn extra(&self) -> Option<Dict> {
        match &self.proof {
            Proof::Nothing | Proof::Ticket(_) | Proof::Wampcra(_) => None,
            // It is made again for the answer: the router says the nonce in CHALLENGE.
            Proof::Scram(_) => {
                let mut extra = Dict::default();
                extra.push("nonce", NONCE);
                Some(extra)
            }
            Proof::Cryptosign(key) => Some(Cryptosign::new(PrivateKey::from_hex(key).unwrap()).hello()),
        }
    }

    fn answer(&self, challenge: &Challenge) -> Authenticate {
        let plain = |signature: Text| Authenticate { signature, extra: Dict::default() };
        match &self.proof {
            Proof::Nothing => panic!("{challenge:?}"),
            Proof::Ticket(ticket) => plain(ticket.as_str().into()),
            Proof::Wampcra(secret) => plain(wampcra(secret, &challenge.extra).unwrap().into()),
            Proof::Scram(password) => {
                let authid = self.authid.as_deref().unwrap_or_default();
                let password = Secret::from(password.as_str());
                let env = Env { random: std::sync::Arc::new(Fixed), ..Env::default() };
                let mut scram = Scram::new(Method::Scram, authid, password, &env).unwrap();
                assert_eq!(scram.hello().get("nonce"), Some(&Value::from(NONCE)));
                scram.answer(&challenge.extra).unwrap()
            }
            Proof::Cryptosign(key) => {
                plain(Cryptosign::new(PrivateKey::from_hex(key).unwrap()).answer(&challenge.extra).unwrap())
            }
        }
    }
}

/// Sixteen zeros in Base64.
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// Not random at all.
struct Fixed;

impl transom_auth::Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), transom_auth::NoRandomness> {
        bytes.fill(0);
        Ok(())
    }
}
