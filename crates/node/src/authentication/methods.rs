//! `auth` of a transport, method by method.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use transom_auth::{
    Address, AnonymousSettings, CryptosignPrincipal, CryptosignSettings, Dynamic, Fingerprint, PublicKey,
    Salt, ScramPrincipal, ScramSettings, Secret, Settings, TicketPrincipal, TicketSettings, TlsPrincipal,
    TlsSettings, TrustRoot, WampcraSettings, WampcraUser,
};
use transom_config::{
    AnonymousAuth, AuthConfig, CryptosignAuth, CryptosignTrustRoot, DynamicAuth, FunctionAuth, KeyDerivation,
    Place, ScramAuth, TicketAuth, TlsAuth, WampCraAuth,
};
use transom_wamp::Text;

use crate::StartError;

/// The longest certificate file in bytes that is read.
const LONGEST_CERTIFICATE: u64 = 64 * 1024;

pub(super) fn settings(auth: &AuthConfig) -> Result<Settings, StartError> {
    // Every field by name: a new method must be given its place here, or the compiler complains.
    let AuthConfig {
        anonymous,
        ticket,
        wampcra,
        scram,
        cryptosign,
        tls,
        cookie,
        anonymous_proxy,
        cryptosign_proxy,
        place: _,
    } = auth;
    if let Some(proxy) = anonymous_proxy {
        return Err(StartError::unsupported(proxy.place(), "authentication method", "anonymous-proxy"));
    }
    if let Some(proxy) = cryptosign_proxy {
        return Err(StartError::unsupported(proxy.place(), "authentication method", "cryptosign-proxy"));
    }
    Ok(Settings {
        anonymous: anonymous.as_ref().map(self::anonymous),
        ticket: ticket.as_ref().map(self::ticket).transpose()?,
        wampcra: wampcra.as_ref().map(self::wampcra).transpose()?,
        scram: scram.as_ref().map(self::scram).transpose()?,
        cryptosign: cryptosign.as_ref().map(self::cryptosign).transpose()?,
        tls: tls.as_ref().map(self::tls).transpose()?,
        cookie: cookie.is_some(),
        ..Settings::default()
    })
}

fn text(given: &Option<String>) -> Option<Text> {
    given.as_deref().map(Text::from)
}

fn secret(configured: &transom_config::Secret) -> Secret {
    Secret::from(configured.expose())
}

fn dynamic(config: &DynamicAuth) -> Dynamic {
    Dynamic {
        procedure: config.authenticator.as_str().into(),
        realm: text(&config.authenticator_realm),
        role: Some(config.authenticator_role.as_str().into()),
        default_role: text(&config.default_role),
    }
}

fn function<T>(config: &FunctionAuth) -> Result<T, StartError> {
    Err(StartError::unsupported(&config.place, "authentication", "function"))
}

fn anonymous(config: &AnonymousAuth) -> AnonymousSettings {
    match config {
        AnonymousAuth::Static(config) => AnonymousSettings::Static {
            role: config.role.as_str().into(),
            authid: text(&config.authid),
            realm: text(&config.realm),
        },
        AnonymousAuth::Dynamic(config) => AnonymousSettings::Dynamic(dynamic(config)),
    }
}

fn ticket(config: &TicketAuth) -> Result<TicketSettings, StartError> {
    let config = match config {
        TicketAuth::Static(config) => config,
        TicketAuth::Dynamic(config) => return Ok(TicketSettings::Dynamic(dynamic(config))),
        TicketAuth::Function(config) => return function(config),
    };
    let principal = |(authid, config): &(String, transom_config::TicketPrincipal)| {
        let principal =
            TicketPrincipal { ticket: secret(&config.ticket), role: text(&config.role), realm: None };
        (authid.clone(), principal)
    };
    let principals = config.principals.iter().map(principal).collect();
    Ok(TicketSettings::Static { principals, default_role: text(&config.default_role) })
}

fn wampcra(config: &WampCraAuth) -> Result<WampcraSettings, StartError> {
    let config = match config {
        WampCraAuth::Static(config) => config,
        WampCraAuth::Dynamic(config) => return Ok(WampcraSettings::Dynamic(dynamic(config))),
        WampCraAuth::Function(config) => return function(config),
    };
    let user = |(authid, config): &(String, transom_config::WampCraUser)| {
        let salt = match (&config.salt, config.iterations, config.keylen) {
            (Some(salt), Some(iterations), Some(keylen)) => {
                let keylen = u32::try_from(keylen).unwrap_or(u32::MAX);
                Some(Salt { salt: salt.as_str().into(), iterations, keylen })
            }
            // The reader sees to it that all three are there or none.
            _ => None,
        };
        (authid.clone(), WampcraUser { secret: secret(&config.secret), role: text(&config.role), salt })
    };
    let users = config.users.iter().map(user).collect();
    Ok(WampcraSettings::Static { users, default_role: text(&config.default_role) })
}

fn scram(config: &ScramAuth) -> Result<ScramSettings, StartError> {
    let config = match config {
        ScramAuth::Static(config) => config,
        ScramAuth::Dynamic(config) => return Ok(ScramSettings::Dynamic(dynamic(config))),
        ScramAuth::Function(config) => return function(config),
    };
    let principal = |(authid, config): &(String, transom_config::ScramPrincipal)| {
        let kdf = match config.kdf {
            KeyDerivation::Argon2id13 => "argon2id-13",
            KeyDerivation::Pbkdf2 => "pbkdf2",
        };
        let keys = (config.stored_key.expose(), config.server_key.expose());
        let parsed = ScramPrincipal::parse(kdf, (config.iterations, config.memory), &config.salt, keys);
        let principal = parsed.map_err(|error| wrong(&config.place, error))?;
        Ok((authid.clone(), ScramPrincipal { role: text(&config.role), ..principal }))
    };
    let principals = config.principals.iter().map(principal).collect::<Result<_, StartError>>()?;
    Ok(ScramSettings::Static { principals, default_role: text(&config.default_role) })
}

fn cryptosign(config: &CryptosignAuth) -> Result<CryptosignSettings, StartError> {
    let config = match config {
        CryptosignAuth::Static(config) => config,
        CryptosignAuth::Dynamic(config) => return Ok(CryptosignSettings::Dynamic(dynamic(config))),
        CryptosignAuth::Function(config) => return function(config),
    };
    if let Some(roots) = &config.trustroots {
        let root = |(realm, root): &(String, CryptosignTrustRoot)| {
            Ok((realm.clone(), trust_root(root, config.default_role.as_ref())?))
        };
        return roots.iter().map(root).collect::<Result<_, _>>().map(CryptosignSettings::TrustRoots);
    }
    let mut principals = HashMap::new();
    for (authid, config) in config.principals.iter().flatten() {
        let keys = config.authorized_keys.iter().map(|key| parsed(key, &config.place.key("authorized_keys")));
        let authorized_keys = keys.collect::<Result<Vec<PublicKey>, _>>()?;
        let (role, realm) = (text(&config.role), text(&config.realm));
        principals.insert(authid.clone(), CryptosignPrincipal { authorized_keys, role, realm });
    }
    Ok(CryptosignSettings::Static { principals, default_role: text(&config.default_role) })
}

fn trust_root(config: &CryptosignTrustRoot, default_role: Option<&String>) -> Result<TrustRoot, StartError> {
    let at = |key| config.place.key(key);
    let file = config.certificate.as_ref().map(|file| certified(file, &at("certificate"))).transpose()?;
    let written = config.trustroot.as_ref().map(|address| parsed(address, &at("trustroot"))).transpose()?;
    let address = match (file, written) {
        (Some(file), Some(written)) if file != written => {
            let what = format!("{written} is not whose certificate \"certificate\" has: that is {file}");
            return Err(wrong(&at("trustroot"), what));
        }
        (Some(address), _) | (None, Some(address)) => address,
        // The reader sees to it that one is there.
        (None, None) => {
            return Err(wrong(&config.place, "neither \"certificate\" nor \"trustroot\" is given"));
        }
    };
    let role = config.role.as_ref().or(default_role);
    Ok(TrustRoot { address, role: role.map(|role| role.as_str().into()), realm: text(&config.realm) })
}

/// The root whose certificate a file has.
fn certified(file: &Path, place: &Place) -> Result<Address, StartError> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(LONGEST_CERTIFICATE).read_to_end(&mut bytes))
        .map_err(|error| wrong(place, format!("{}: {error}", file.display())))?;
    Address::of_root(&bytes).map_err(|error| wrong(place, format!("{}: {error}", file.display())))
}

fn tls(config: &TlsAuth) -> Result<TlsSettings, StartError> {
    let config = match config {
        TlsAuth::Static(config) => config,
        TlsAuth::Dynamic(config) => return Ok(TlsSettings::Dynamic(dynamic(config))),
    };
    let principal = |(authid, config): &(String, transom_config::TlsPrincipal)| {
        // The stronger one, where both are there.
        let fingerprint = config.sha256.as_ref().or(config.sha1.as_ref());
        let certificate: Fingerprint = parsed(fingerprint.map_or("", String::as_str), &config.place)?;
        let role = Some(config.role.as_str().into());
        Ok((authid.clone(), TlsPrincipal { certificate, role }))
    };
    let principals = config.principals.iter().map(principal).collect::<Result<_, StartError>>()?;
    Ok(TlsSettings::Static { principals, default_role: text(&config.default_role) })
}

/// A value that the reader has checked.
fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str, place: &Place) -> Result<T, StartError> {
    text.parse().map_err(|error: T::Err| wrong(place, error))
}

fn wrong(place: &Place, error: impl std::fmt::Display) -> StartError {
    StartError::Wrong { place: place.clone(), what: error.to_string() }
}
