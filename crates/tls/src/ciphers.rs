//! OpenSSL cipher lists, for the suites of TLS 1.2. Those of TLS 1.3 are not chosen by them, in OpenSSL neither.

use rustls::CipherSuite;

use crate::error::Finding;

/// A suite of TLS 1.2 that can be had: forward secret, and authenticated encryption.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    /// Its name in OpenSSL.
    pub(crate) name: &'static str,
    /// Its number.
    pub(crate) id: CipherSuite,
    /// The words for sets of suites that it belongs to.
    words: &'static [&'static str],
    /// Whether it needs Diffie-Hellman parameters.
    pub(crate) dhe: bool,
}

const ECDHE_ECDSA: &[&str] = &["ECDHE", "EECDH", "kECDHE", "kEECDH", "aECDSA", "ECDSA"];
const ECDHE_RSA: &[&str] = &["ECDHE", "EECDH", "kECDHE", "kEECDH", "aRSA"];
const DHE_RSA: &[&str] = &["DHE", "EDH", "kDHE", "kEDH", "aRSA"];
const EVERY: &[&str] = &["ALL", "DEFAULT", "HIGH", "AEAD", "TLSv1.2"];
const AES128: &[&str] = &["AES", "AESGCM", "AES128", "FIPS"];
const AES256: &[&str] = &["AES", "AESGCM", "AES256", "FIPS"];
const CHACHA: &[&str] = &["CHACHA20"];

/// All of them, the most wanted first.
pub(crate) const SUITES: [Suite; 9] = [
    Suite {
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        id: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        words: ECDHE_ECDSA,
        dhe: false,
    },
    Suite {
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        id: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        words: ECDHE_ECDSA,
        dhe: false,
    },
    Suite {
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        id: CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        words: ECDHE_ECDSA,
        dhe: false,
    },
    Suite {
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        id: CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        words: ECDHE_RSA,
        dhe: false,
    },
    Suite {
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        id: CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        words: ECDHE_RSA,
        dhe: false,
    },
    Suite {
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        id: CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        words: ECDHE_RSA,
        dhe: false,
    },
    Suite {
        name: "DHE-RSA-AES256-GCM-SHA384",
        id: CipherSuite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384,
        words: DHE_RSA,
        dhe: true,
    },
    Suite {
        name: "DHE-RSA-AES128-GCM-SHA256",
        id: CipherSuite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
        words: DHE_RSA,
        dhe: true,
    },
    Suite {
        name: "DHE-RSA-CHACHA20-POLY1305",
        id: CipherSuite::TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        words: DHE_RSA,
        dhe: true,
    },
];

/// The list that older configurations take for the default; it has no suite for ECDSA certificates.
const OLD_DEFAULT: &str = "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:\
                           DHE-RSA-AES128-SHA256:ECDHE-RSA-AES128-SHA:DHE-RSA-AES128-SHA";

/// Reads the key `ciphers`. `dhe` tells whether there are Diffie-Hellman parameters. Nothing in a list is an error: what
/// cannot be had is left out with a warning. The most wanted come first.
pub(crate) fn choose(list: Option<&str>, dhe: bool, findings: &mut Vec<Finding>) -> Vec<&'static Suite> {
    let all = || SUITES.iter().filter(|suite| dhe || !suite.dhe).collect();
    let Some(list) = list.filter(|list| list.trim_end_matches(':') != OLD_DEFAULT) else {
        return all();
    };
    let mut suites: Vec<&'static Suite> = Vec::new();
    let mut killed: Vec<&'static Suite> = Vec::new();
    let mut unknown: Vec<&str> = Vec::new();
    let mut needs_dh: Vec<&str> = Vec::new();
    let words = list.split([':', ',', ' ', ';']).map(str::trim).filter(|word| !word.is_empty());
    for word in words {
        let (action, word) = match word.split_at_checked(1) {
            Some((action @ ("!" | "-" | "+" | "@"), rest)) => (action, rest),
            _ => ("", word),
        };
        let found: Vec<&'static Suite> = SUITES.iter().filter(|suite| suite.is_in(word)).collect();
        match action {
            "!" => {
                suites.retain(|suite| !found.contains(suite));
                killed.extend(found);
            }
            "-" => suites.retain(|suite| !found.contains(suite)),
            "+" => {
                let (moved, stay): (Vec<_>, Vec<_>) =
                    suites.into_iter().partition(|suite| found.contains(suite));
                suites = [stay, moved].concat();
            }
            // Orders such as @STRENGTH change nothing here.
            "@" => {}
            _ if word.starts_with("TLS_AES_") || word.starts_with("TLS_CHACHA20_") => {}
            _ if found.is_empty() => unknown.push(word),
            _ if !dhe && found.iter().all(|suite| suite.dhe) => needs_dh.push(word),
            _ => {
                for suite in found {
                    if !suites.contains(&suite) && !killed.contains(&suite) && (dhe || !suite.dhe) {
                        suites.push(suite);
                    }
                }
            }
        }
    }
    if !unknown.is_empty() {
        findings.push(Finding::warning(
            "ciphers",
            format!(
                "left out {}: only forward-secret suites with authenticated encryption can be had, which are {}",
                quoted(&unknown),
                SUITES.map(|suite| suite.name).join(", ")
            ),
        ));
    }
    if !needs_dh.is_empty() {
        findings.push(Finding::warning(
            "ciphers",
            format!(
                "left out {}: give Diffie-Hellman parameters of at least 2048 bits in dhparam",
                quoted(&needs_dh)
            ),
        ));
    }
    if suites.is_empty() {
        findings.push(Finding::warning(
            "ciphers",
            "no suite of TLS 1.2 is left, so only TLS 1.3 is spoken; name one of those that can be had, or leave the key away",
        ));
    }
    suites
}

impl Suite {
    /// Whether a word of a list means it: a name, or words for sets joined by `+`.
    fn is_in(&self, word: &str) -> bool {
        if word == self.name || self.id.as_str() == Some(word) {
            return true;
        }
        let cipher = match () {
            () if self.name.contains("AES256") => AES256,
            () if self.name.contains("AES128") => AES128,
            () => CHACHA,
        };
        word.split('+').all(|set| [self.words, EVERY, cipher].iter().any(|words| words.contains(&set)))
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str, dhe: bool) -> (Vec<&'static str>, Vec<String>) {
        let mut findings = Vec::new();
        let chosen = choose(Some(list), dhe, &mut findings);
        let texts = findings.into_iter().map(|finding| finding.message).collect();
        (chosen.iter().map(|suite| suite.name).collect(), texts)
    }

    #[test]
    fn list_when_read_gives_its_suites_in_its_order() {
        for (list, expected) in [
            ("ECDHE-RSA-AES128-GCM-SHA256:", &["ECDHE-RSA-AES128-GCM-SHA256"] as &[_]),
            (
                "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384",
                &["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"],
            ),
            ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", &["ECDHE-RSA-AES128-GCM-SHA256"]),
            ("TLS_AES_128_GCM_SHA256:ECDHE+aRSA+AES128", &["ECDHE-RSA-AES128-GCM-SHA256"]),
            ("EECDH+AESGCM:!aRSA", &["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"]),
            ("!ECDSA:ECDHE+AES", &["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]),
            (
                "HIGH:!aNULL:!MD5:-ECDSA:-DHE:+AES256",
                &[
                    "ECDHE-RSA-AES128-GCM-SHA256",
                    "ECDHE-RSA-CHACHA20-POLY1305",
                    "ECDHE-RSA-AES256-GCM-SHA384",
                ],
            ),
            ("CHACHA20:@STRENGTH", &["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"]),
        ] {
            assert_eq!(names(list, false), (expected.to_vec(), vec![]), "{list}");
        }
    }

    #[test]
    fn list_when_it_names_what_cannot_be_had_says_so_and_goes_on() {
        let (suites, findings) = names("ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256:RC4-MD5", false);
        assert_eq!(suites, ["ECDHE-RSA-AES128-GCM-SHA256"]);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("left out 'ECDHE-RSA-AES128-SHA', 'RC4-MD5': "), "{findings:?}");
        let (suites, findings) = names("AES128-SHA", false);
        assert!(suites.is_empty());
        assert!(findings[1].contains("only TLS 1.3 is spoken"), "{findings:?}");
    }

    #[test]
    fn list_when_it_names_dhe_depends_on_parameters() {
        let list = "DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
        assert_eq!(
            names(list, true),
            (vec!["DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"], vec![])
        );
        let (suites, findings) = names(list, false);
        assert_eq!(suites, ["ECDHE-RSA-AES128-GCM-SHA256"]);
        assert!(findings[0].contains("dhparam"), "{findings:?}");
        // A word for a set is no wish for each of its suites.
        assert_eq!(names("AES128", false).1, Vec::<String>::new());
    }

    #[test]
    fn list_when_absent_or_the_old_default_has_suites_for_every_certificate() {
        for list in [None, Some(OLD_DEFAULT), Some(&*format!("{OLD_DEFAULT}:"))] {
            let mut findings = Vec::new();
            let chosen = choose(list, false, &mut findings);
            assert_eq!((chosen.len(), findings.len()), (6, 0), "{list:?}");
            assert_eq!(choose(list, true, &mut findings).len(), 9);
        }
    }
}
