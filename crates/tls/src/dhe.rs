//! Key exchange by finite-field Diffie-Hellman, for the DHE suites of TLS 1.2 (RFC 5246, section 7.4.3). rustls has the
//! messages but neither groups nor suites; here are both. All arithmetic with the private exponent takes constant time.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use ::aws_lc_rs::rand;
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::zeroize::Zeroizing;
use crypto_bigint::{BoxedUint, Odd};
use rustls::crypto::{
    ActiveKeyExchange, CipherSuiteCommon, KeyExchangeAlgorithm, SharedSecret, SupportedKxGroup, aws_lc_rs,
};
use rustls::ffdhe_groups::{self, FfdheGroup};
use rustls::{
    CipherSuite, Error, NamedGroup, PeerMisbehaved, ProtocolVersion, SupportedCipherSuite, Tls12CipherSuite,
};

mod file;

pub(crate) use file::Parameters;

/// The name of a group that has none: from the private range for such groups (RFC 7919, section 2).
const PRIVATE: NamedGroup = NamedGroup::Unknown(0x01FC);

/// The groups of RFC 7919 that are offered besides that of the file: a client that names groups takes no other.
const NAMED: [(NamedGroup, FfdheGroup<'static>); 3] = [
    (NamedGroup::FFDHE2048, ffdhe_groups::FFDHE2048),
    (NamedGroup::FFDHE3072, ffdhe_groups::FFDHE3072),
    (NamedGroup::FFDHE4096, ffdhe_groups::FFDHE4096),
];

/// Each DHE suite, and the suite that differs from it in nothing but the key exchange.
const SUITES: [(CipherSuite, CipherSuite); 3] = [
    (CipherSuite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384, CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    (CipherSuite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256, CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    (
        CipherSuite::TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// The suites, for the whole program, as rustls wants them.
static DHE: LazyLock<Vec<Tls12CipherSuite>> = LazyLock::new(|| {
    let twin = |wanted: CipherSuite| {
        let all = aws_lc_rs::ALL_CIPHER_SUITES.iter();
        let tls12 = all.filter_map(|suite| match suite {
            SupportedCipherSuite::Tls12(suite) => Some(*suite),
            SupportedCipherSuite::Tls13(_) => None,
        });
        tls12.into_iter().find(|suite| suite.common.suite == wanted)
    };
    let suites = SUITES.iter().filter_map(|(suite, other)| {
        let other = twin(*other)?;
        Some(Tls12CipherSuite {
            common: CipherSuiteCommon {
                suite: *suite,
                hash_provider: other.common.hash_provider,
                confidentiality_limit: other.common.confidentiality_limit,
            },
            prf_provider: other.prf_provider,
            kx: KeyExchangeAlgorithm::DHE,
            sign: other.sign,
            aead_alg: other.aead_alg,
        })
    });
    suites.collect()
});

/// The groups that were ever asked for. rustls wants them for the whole program, so each is made only once.
static GROUPS: Mutex<Vec<&'static Group>> = Mutex::new(Vec::new());

/// The suites that can be had with a group.
pub(crate) fn suites() -> impl Iterator<Item = SupportedCipherSuite> {
    DHE.iter().map(SupportedCipherSuite::Tls12)
}

/// The groups to offer with the parameters of a file, its own first: it is what clients get that name none.
pub(crate) fn groups(parameters: &Parameters) -> Vec<&'static dyn SupportedKxGroup> {
    let known = |p: &[u8], g: &[u8]| NAMED.iter().find(|(_, group)| group.p == p && group.g == g);
    let own = match known(&parameters.p, &parameters.g) {
        Some((name, group)) => Group::get(*name, group.p, group.g),
        None => Group::get(PRIVATE, &parameters.p, &parameters.g),
    };
    let others = NAMED.iter().filter_map(|(name, group)| Group::get(*name, group.p, group.g));
    let mut all: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    for group in own.into_iter().chain(others) {
        if !all.iter().any(|other| other.name() == group.name()) {
            all.push(group);
        }
    }
    all
}

/// A group as rustls wants it.
struct Group(Arc<Numbers>);

/// A group: the numbers below a prime, and one of them to take powers of.
struct Numbers {
    name: NamedGroup,
    p: &'static [u8],
    g: &'static [u8],
    modulus: BoxedMontyParams,
    generator: BoxedMontyForm,
    /// The size of private exponents, in octets.
    exponent: u32,
}

impl Group {
    /// The group of these numbers, big-endian without leading zeros. None when they make none.
    fn get(name: NamedGroup, p: &[u8], g: &[u8]) -> Option<&'static Group> {
        let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = groups.iter().find(|group| group.0.is(name, p, g)) {
            return Some(known);
        }
        let size = u32::try_from(p.len()).ok()?.checked_mul(8)?;
        let modulus = Option::from(Odd::new(BoxedUint::from_be_slice(p, size).ok()?))?;
        let modulus = BoxedMontyParams::new(modulus);
        let generator = BoxedMontyForm::new(BoxedUint::from_be_slice(g, size).ok()?, &modulus);
        // Twice the strength of the group and something over, as RFC 7919, section 5.2, wants it at least.
        let exponent = match size {
            0..=2048 => 32,
            2049..=4096 => 48,
            _ => 64,
        };
        let (p, g) = (Vec::leak(p.to_vec()), Vec::leak(g.to_vec()));
        let numbers = Numbers { name, p, g, modulus, generator, exponent };
        let group = &*Box::leak(Box::new(Group(Arc::new(numbers))));
        groups.push(group);
        Some(group)
    }
}

impl Numbers {
    fn is(&self, name: NamedGroup, p: &[u8], g: &[u8]) -> bool {
        self.name == name && self.p == p && self.g == g
    }

    /// A power; the time that it takes tells nothing of the exponent.
    fn power(&self, of: &BoxedMontyForm, exponent: &BoxedUint) -> Zeroizing<Vec<u8>> {
        self.octets(&Zeroizing::new(of.pow_bounded_exp(exponent, 8 * self.exponent).retrieve()))
    }

    /// Whether a peer's public value is one (RFC 7919, section 5.1): neither 0, 1 nor one below the prime, from which
    /// the secret would be known.
    fn accepts(&self, public: &BoxedUint) -> bool {
        let one = BoxedUint::one_with_precision(public.bits_precision());
        let last = self.modulus.modulus().as_ref().wrapping_sub(&one);
        *public > one && *public < last
    }

    /// A number of the group in octets, as many as its prime has.
    fn octets(&self, number: &BoxedUint) -> Zeroizing<Vec<u8>> {
        let all = Zeroizing::new(number.to_be_bytes().into_vec());
        let surplus = all.len().saturating_sub(self.p.len());
        Zeroizing::new(all.get(surplus..).unwrap_or_default().to_vec())
    }
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let numbers = self.0.clone();
        let mut octets = Zeroizing::new([0; 64]);
        let octets = octets.get_mut(..numbers.exponent as usize).unwrap_or_default();
        rand::fill(octets).map_err(|_| Error::FailedToGetRandomBytes)?;
        let exponent = BoxedUint::from_be_slice(octets, 8 * numbers.exponent);
        let exponent = Zeroizing::new(exponent.map_err(|_| Error::FailedToGetRandomBytes)?);
        let public = numbers.power(&numbers.generator, &exponent).to_vec();
        Ok(Box::new(Exchange { numbers, exponent, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        Some(FfdheGroup { p: self.0.p, g: self.0.g })
    }

    fn name(&self) -> NamedGroup {
        self.0.name
    }

    /// TLS 1.3 has better groups, and no use for those without a name.
    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_2
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("name", &self.0.name)
            .field("bits", &(8 * self.0.p.len()))
            .finish_non_exhaustive()
    }
}

/// One exchange: a private exponent that is used once, and the public value that was made with it.
struct Exchange {
    numbers: Arc<Numbers>,
    exponent: Zeroizing<BoxedUint>,
    public: Vec<u8>,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let refused = || Error::from(PeerMisbehaved::InvalidKeyShare);
        let bits = self.numbers.modulus.modulus().bits_precision();
        let peer = BoxedUint::from_be_slice(peer, bits).map_err(|_| refused())?;
        if !self.numbers.accepts(&peer) {
            return Err(refused());
        }
        let peer = BoxedMontyForm::new(peer, &self.numbers.modulus);
        // rustls takes leading zeros off, as RFC 5246, section 8.1.2, has it. Since no exponent serves twice, nothing can
        // be learned from the time that this takes.
        Ok(SharedSecret::from(self.numbers.power(&peer, &self.exponent).as_slice()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        Some(FfdheGroup { p: self.numbers.p, g: self.numbers.g })
    }

    fn group(&self) -> NamedGroup {
        self.numbers.name
    }
}

#[cfg(test)]
mod tests {
    use rustls::version::TLS12;

    use super::*;

    /// The group of the numbers below 23, large enough for examples.
    fn small() -> &'static Group {
        Group::get(NamedGroup::Unknown(0x01FD), &[23], &[5]).unwrap()
    }

    fn shared(group: &'static Group) -> (Vec<u8>, Vec<u8>) {
        let (a, b) = (group.start().unwrap(), group.start().unwrap());
        let (to_a, to_b) = (b.pub_key().to_vec(), a.pub_key().to_vec());
        assert_eq!((to_a.len(), to_b.len()), (group.0.p.len(), group.0.p.len()));
        let secret = |end: Box<dyn ActiveKeyExchange>, peer: &[u8]| {
            end.complete(peer).unwrap().secret_bytes().to_vec()
        };
        (secret(a, &to_a), secret(b, &to_b))
    }

    #[test]
    fn ends_when_they_exchange_their_values_have_one_secret() {
        for (name, group) in NAMED {
            let (a, b) = shared(Group::get(name, group.p, group.g).unwrap());
            assert_eq!(a, b, "{name:?}");
            assert_eq!(a.len(), group.p.len());
        }
    }

    #[test]
    fn powers_when_computed_are_right() {
        let group = &small().0;
        let mut power = 1;
        for exponent in 0_u8..=44 {
            let bits = BoxedUint::from_be_slice(&[exponent], 8).unwrap();
            let number = group.generator.pow_bounded_exp(&bits, 8).retrieve();
            assert_eq!(group.octets(&number).as_slice(), [power], "5^{exponent}");
            power = power * 5 % 23;
        }
    }

    #[test]
    fn public_value_when_it_would_give_the_secret_away_is_refused() {
        for (value, good) in
            [(&[0][..], false), (&[1], false), (&[2], true), (&[21], true), (&[22], false), (&[23], false)]
        {
            assert_eq!(small().start().unwrap().complete(value).is_ok(), good, "{value:?}");
        }
        let group = Group::get(NAMED[0].0, NAMED[0].1.p, NAMED[0].1.g).unwrap();
        for value in [vec![], vec![1], vec![0xFF; 256], vec![1; 257], group.0.p.to_vec()] {
            let result = group.start().unwrap().complete_for_tls_version(&value, &TLS12);
            assert_eq!(result.err(), Some(PeerMisbehaved::InvalidKeyShare.into()), "{} octets", value.len());
        }
    }

    #[test]
    fn suites_are_there_for_each_of_the_others() {
        let names: Vec<CipherSuite> = suites().map(|suite| suite.suite()).collect();
        assert_eq!(names, SUITES.map(|(suite, _)| suite));
    }

    #[test]
    fn groups_when_asked_for_again_are_the_same() {
        let before = groups(&Parameters::named(0)).len();
        let count = || GROUPS.lock().unwrap().iter().filter(|group| group.0.name == NAMED[0].0).count();
        groups(&Parameters::named(0));
        assert_eq!((before, count()), (3, 1));
    }
}
