//! The accounts of the node under test: who may log in by which method, and what proves it.

use serde_json::{Value, json};

/// As the programs that log in are told.
pub(super) const LOGINS: [&str; 4] = [
    "ticket=joe:ticket of joe",
    "wampcra=joe:secret of joe",
    "scram=joe:password of joe",
    "cryptosign=joe:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
];

/// What proves it, by method, as a configuration and an authenticator say it. Derived from [`LOGINS`].
fn proofs() -> [(&'static str, Value); 4] {
    [
        ("ticket", json!({"ticket": "ticket of joe"})),
        ("wampcra", json!({"secret": "secret of joe", "salt": "pepper", "iterations": 100, "keylen": 32})),
        (
            "scram",
            json!({
                "kdf": "argon2id-13", "iterations": 4, "memory": 512, "salt": "7369787465656e206f662073616c7421",
                "stored-key": "e3214255f61d49431bd13365b336ca967451ade880c44e566077256c6969a30c",
                "server-key": "88df83e78600fd6ee3bf9bf97f0b91fe464ddc9e4e2811698dd3449229ad23d0",
            }),
        ),
        ("cryptosign", json!({"pubkey": "0d7550754e0800a5d237eef5826035766b9b3e5a15868a940ab289958788e3b0"})),
    ]
}

/// `auth` of a transport that knows them.
pub(super) fn known() -> Value {
    let mut auth = json!({"anonymous": {"type": "static", "role": "anonymous"}});
    for (method, mut proof) in proofs() {
        if let Some(key) = proof.as_object_mut().and_then(|proof| proof.remove("pubkey")) {
            proof["authorized_keys"] = json!([key]);
        }
        proof["role"] = json!("anonymous");
        let accounts = if method == "wampcra" { "users" } else { "principals" };
        auth[method] = json!({"type": "static", accounts: {"joe": proof}});
    }
    auth
}

/// `auth` of a transport that asks for them.
pub(super) fn asked_for() -> Value {
    let mut auth = json!({});
    for method in ["anonymous", "ticket", "wampcra", "scram", "cryptosign"] {
        let authenticator = format!("com.example.login.{method}");
        auth[method] =
            json!({"type": "dynamic", "authenticator": authenticator, "default-role": "anonymous"});
    }
    auth
}

/// What the authenticators know.
pub(super) fn answers() -> Value {
    let mut all = json!({"anonymous": {"*": {}}});
    for (method, proof) in proofs() {
        all[method] = json!({ "joe": proof });
    }
    all
}
