//! `auth` of a WebSocket, RawSocket or MQTT configuration: which authentication methods a transport accepts.

use std::path::PathBuf;

use serde_json::{Map as JsonMap, Value as Json};

use crate::Secret;
use crate::define::{choice, map, words};

map! {
    /// The authentication methods of one transport. A method that is not here is not accepted; with none, nobody can join.
    pub struct AuthConfig = "auth", trap = reader::auth::trap;
    optional {
        /// Who a client becomes that proves nothing.
        anonymous: Option<AnonymousAuth> = None => some(whole(map()));
        /// By a ticket, which is a password.
        ticket: Option<TicketAuth> = None => some(whole(map()));
        /// By WAMP-CRA: a secret that is not sent.
        wampcra: Option<WampCraAuth> = None => some(whole(map()));
        /// By SCRAM: a password that neither is sent nor known here.
        scram: Option<ScramAuth> = None => some(whole(map()));
        /// By an Ed25519 key.
        cryptosign: Option<CryptosignAuth> = None => some(whole(map()));
        /// By a TLS client certificate.
        tls: Option<TlsAuth> = None => some(whole(map()));
        /// By a cookie that was given after an earlier login by another method.
        cookie: Option<CookieAuth> = None => some(whole(map()));
        /// Proxies that prove nothing: only over Unix sockets.
        anonymous_proxy["anonymous-proxy"]: Option<AnonymousProxyAuth> = None => some(whole(map())), unsupported();
        /// Proxies with an Ed25519 key.
        cryptosign_proxy["cryptosign-proxy"]: Option<CryptosignProxyAuth> = None => some(whole(map())), unsupported();
    }
}

choice! {
    /// Who a client becomes that proves nothing.
    pub enum AnonymousAuth = "anonymous authentication", trap = reader::auth::anonymous_type_trap;
    /// As configured here.
    "static" => Static(AnonymousConfig) = "static anonymous authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic anonymous authentication";
}

map! {
    /// Who a client becomes that proves nothing.
    pub struct AnonymousConfig = "anonymous authentication", check = reader::auth::check_anonymous;
    optional {
        /// The role given.
        role: String = "anonymous".to_owned() => filled();
        /// The authid given; without it, a random serial for each session.
        authid: Option<String> = None => some(filled());
        /// The realm for clients that name none; without it they are refused.
        realm: Option<String> = None => some(filled());
    }
}

map! {
    /// A procedure that decides who a client is.
    pub struct DynamicAuth = "dynamic authentication", open = true;
    required {
        /// The procedure.
        authenticator: String => strict_uri();
    }
    optional {
        /// The realm of the procedure; without it, the one that the client asks for.
        authenticator_realm["authenticator-realm"]: Option<String> = None => some_or_null(filled());
        /// The role of the session that calls it.
        authenticator_role["authenticator-role"]: String = "trusted".to_owned() => filled();
        /// The role given when the procedure names none.
        default_role["default-role"]: Option<String> = None => some_or_null(filled());
    }
}

map! {
    /// Python code that decides who a client is.
    pub struct FunctionAuth = "function authentication", open = true;
    required {
        /// The function that makes an authenticator, `module.function`.
        create: String => reader::auth::python_name();
    }
    optional {
        /// Passed to it as it is.
        config: Option<JsonMap<String, Json>> = None => some_or_null(reader::realm::JsonObject);
        /// Let it reach the controller.
        expose_controller: bool = false => flag();
        /// The role given when it names none.
        default_role["default-role"]: Option<String> = None => some_or_null(filled());
    }
}

choice! {
    /// By a ticket, which is a password.
    pub enum TicketAuth = "ticket authentication";
    /// As configured here.
    "static" => Static(TicketStatic) = "static ticket authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic ticket authentication";
    /// As Python code says.
    "function" => Function(FunctionAuth) = "function ticket authentication",
        unsupported_but("it is Python code; a procedure can do the same: \"type\": \"dynamic\"");
}

map! {
    /// Tickets that are configured here.
    pub struct TicketStatic = "static ticket authentication", open = true;
    required {
        /// Who may log in, by authid.
        principals: Vec<(String, TicketPrincipal)> =>
            dict("ticket principals", ("an authid", None), |_, _, _| true, map());
    }
    optional {
        /// The role of those who have none of their own.
        default_role["default-role"]: Option<String> = None => some_or_null(filled());
    }
}

map! {
    /// Who may log in with a ticket.
    pub struct TicketPrincipal = "ticket principal";
    required {
        /// The ticket; `${NAME}` of an environment variable is replaced.
        ticket: Secret => secret(true);
    }
    optional {
        /// The role given.
        role: Option<String> = None => some(filled());
    }
}

choice! {
    /// By WAMP-CRA: a secret that is not sent.
    pub enum WampCraAuth = "wampcra authentication";
    /// As configured here.
    "static" => Static(WampCraStatic) = "static wampcra authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic wampcra authentication";
    /// As Python code says.
    "function" => Function(FunctionAuth) = "function wampcra authentication",
        unsupported_but("it is Python code; a procedure can do the same: \"type\": \"dynamic\"");
}

map! {
    /// Secrets that are configured here.
    pub struct WampCraStatic = "static wampcra authentication", open = true;
    required {
        /// Who may log in, by authid.
        users: Vec<(String, WampCraUser)> => dict("wampcra users", ("an authid", None), |_, _, _| true, map());
    }
    optional {
        /// The role of those who have none of their own.
        default_role["default-role"]: Option<String> = None => some_or_null(filled());
    }
}

map! {
    /// Who may log in with WAMP-CRA. The secret is salted if `salt`, `iterations` and `keylen` are there.
    pub struct WampCraUser = "wampcra user", check = reader::auth::check_salt, trap = reader::auth::wampcra_user_trap;
    required {
        /// The secret, or what is derived from it; `${NAME}` of an environment variable is replaced.
        secret: Secret => secret(true);
    }
    optional {
        /// The role given.
        role: Option<String> = None => some(filled());
        /// The salt.
        salt: Option<String> = None => some(unchecked_text());
        /// Rounds of PBKDF2.
        iterations: Option<u32> = None => some(int(1..=10_000_000));
        /// Bytes of the derived key.
        keylen: Option<usize> = None => some(size(1..=1_048_576));
    }
}

choice! {
    /// By SCRAM: a password that neither is sent nor known here.
    pub enum ScramAuth = "scram authentication";
    /// As configured here.
    "static" => Static(ScramStatic) = "static scram authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic scram authentication";
    /// As Python code says.
    "function" => Function(FunctionAuth) = "function scram authentication",
        unsupported_but("it is Python code; a procedure can do the same: \"type\": \"dynamic\"");
}

map! {
    /// Derived passwords that are configured here.
    pub struct ScramStatic = "static scram authentication", open = true;
    required {
        /// Who may log in, by authid.
        principals: Vec<(String, ScramPrincipal)> =>
            dict("scram principals", ("an authid", None), |_, _, _| true, map());
    }
    optional {
        /// The role of those who have none of their own.
        default_role["default-role"]: Option<String> = None => some_or_null(filled());
    }
}

map! {
    /// Who may log in with SCRAM.
    pub struct ScramPrincipal = "scram principal";
    required {
        /// How the password is derived.
        kdf: KeyDerivation => word();
        /// Rounds.
        iterations: u32 => int(1..=10_000_000);
        /// Memory of argon2id, KiB.
        memory: u32 => int(0..=4_194_304);
        /// The salt, hex.
        salt: String => reader::auth::hex();
        /// The stored key, hex.
        stored_key["stored-key"]: Secret => secret(false);
        /// The server key, hex.
        server_key["server-key"]: Secret => secret(false);
    }
    optional {
        /// The role given.
        role: Option<String> = None => some(filled());
    }
}

words! {
    /// How a password is derived.
    pub enum KeyDerivation;
    /// Argon2id, version 1.3.
    "argon2id-13" => Argon2id13;
    /// PBKDF2.
    "pbkdf2" => Pbkdf2;
}

choice! {
    /// By an Ed25519 key.
    pub enum CryptosignAuth = "cryptosign authentication";
    /// As configured here.
    "static" => Static(CryptosignStatic) = "static cryptosign authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic cryptosign authentication";
    /// As Python code says.
    "function" => Function(FunctionAuth) = "function cryptosign authentication",
        unsupported_but("it is Python code; a procedure can do the same: \"type\": \"dynamic\"");
}

map! {
    /// Keys that are configured here: either `principals` or `trustroots`.
    pub struct CryptosignStatic = "static cryptosign authentication", open = true,
        check = reader::auth::check_cryptosign, one_of = &["principals", "trustroots"];
    optional {
        /// Who may log in, by authid.
        principals: Option<Vec<(String, CryptosignPrincipal)>> = None =>
            some(dict("cryptosign principals", ("an authid", None), |_, _, _| true, map()));
        /// Authorities whose certificates let in, by realm.
        trustroots: Option<Vec<(String, CryptosignTrustRoot)>> = None =>
            some(dict("cryptosign trustroots", ("a realm", None), |_, _, _| true, map()));
        /// The role of those who have none of their own.
        default_role["default-role"]: Option<String> = None => some_or_null(filled());
    }
}

map! {
    /// Who may log in with a key.
    pub struct CryptosignPrincipal = "cryptosign principal", check = reader::auth::check_principal;
    required {
        /// The public keys, 64 hex digits each.
        authorized_keys: Vec<String> => list(reader::auth::public_key());
    }
    optional {
        /// The role given.
        role: Option<String> = None => some(filled());
        /// The realm given, whatever the client asks for.
        realm: Option<String> = None => some(filled());
    }
}

map! {
    /// An authority whose certificates let in: its address, or the file with its certificate, or both.
    pub struct CryptosignTrustRoot = "cryptosign trustroot", check = reader::auth::check_trust_root,
        one_of = &["certificate", "trustroot"];
    optional {
        /// The file with its certificate, signed by itself: CBOR or JSON of `[hash, object, signature]` or
        /// `[object, signature]`.
        certificate: Option<PathBuf> = None => some(path());
        /// Its Ethereum address.
        trustroot: Option<String> = None => some(reader::auth::ethereum_address());
        /// The role given. Default: `default-role` of the method, and `user` without that.
        role: Option<String> = None => some(filled());
        /// The realm given. Default: the one that the client asks for.
        realm: Option<String> = None => some(filled());
    }
}

choice! {
    /// By a TLS client certificate.
    pub enum TlsAuth = "tls authentication", trap = reader::auth::tls_type_trap;
    /// As configured here.
    "static" => Static(TlsAuthStatic) = "static tls authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic tls authentication";
}

map! {
    /// Certificates that are configured here.
    pub struct TlsAuthStatic = "static tls authentication", open = true;
    required {
        /// Who may log in, by authid.
        principals: Vec<(String, TlsPrincipal)> => dict("tls principals", ("an authid", None), |_, _, _| true, map());
    }
    optional {
        /// The role of those who have none of their own.
        default_role["default-role"]: Option<String> = None => some_or_null(filled()),
            without_effect("every principal of this method has a role of its own");
    }
}

map! {
    /// Who may log in with a certificate.
    pub struct TlsPrincipal = "tls principal", open = true, check = reader::auth::check_tls_principal,
        one_of = &["certificate-sha1", "certificate-sha256"];
    optional {
        /// SHA-1 fingerprint of the certificate: 20 bytes as hex digits with colons.
        sha1["certificate-sha1"]: Option<String> = None => some(reader::auth::fingerprint_sha1());
        /// SHA-256 fingerprint of the certificate: 32 bytes as hex digits with colons.
        sha256["certificate-sha256"]: Option<String> = None => some(reader::auth::fingerprint_sha256());
        /// The role given.
        role: String = String::new() => needed(text());
    }
}

map! {
    /// By a cookie that was given after an earlier login. There is nothing to configure.
    pub struct CookieAuth = "cookie authentication", open = true;
    optional {}
}

choice! {
    /// Proxies that prove nothing.
    pub enum AnonymousProxyAuth = "anonymous-proxy authentication", trap = reader::auth::anonymous_type_trap;
    /// As configured here.
    "static" => Static(AnonymousProxyStatic) = "static anonymous-proxy authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic anonymous-proxy authentication",
        unsupported_but("a proxy says who a client is: \"type\": \"static\"");
}

map! {
    /// Proxies that prove nothing.
    pub struct AnonymousProxyStatic = "anonymous-proxy authentication";
    optional {
        /// Nothing.
        role: Option<String> = None => some(filled()), without_effect("a proxy says who a client is");
        /// Nothing.
        authid: Option<String> = None => some(filled()), without_effect("a proxy says who a client is");
        /// Nothing.
        realm: Option<String> = None => some(filled()), without_effect("a proxy says who a client is");
    }
}

choice! {
    /// Proxies with an Ed25519 key.
    pub enum CryptosignProxyAuth = "cryptosign-proxy authentication";
    /// As configured here.
    "static" => Static(CryptosignStatic) = "static cryptosign-proxy authentication";
    /// As a procedure says.
    "dynamic" => Dynamic(DynamicAuth) = "dynamic cryptosign-proxy authentication",
        unsupported_but("configure the keys of proxies: \"type\": \"static\"");
    /// As Python code says.
    "function" => Function(FunctionAuth) = "function cryptosign-proxy authentication",
        unsupported_but("configure the keys of proxies: \"type\": \"static\"");
}
