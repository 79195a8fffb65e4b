//! Who has an address that could not be bound, as far as the system tells: on Linux, from the tables of sockets and
//! the descriptors of processes that we may look into.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Who listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// This process.
    Ourselves,
    /// Another process.
    Process {
        /// Its ID.
        pid: u32,
        /// What it calls itself.
        name: String,
    },
    /// A process of another user, into which we may not look.
    User(String),
}

impl Holder {
    /// Whoever listens on a port in a way that keeps `addr` from being bound; none where nothing is to be seen.
    pub(crate) fn of(addr: SocketAddr) -> Option<Holder> {
        let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
        let listening = tables.into_iter().filter_map(|path| std::fs::read_to_string(path).ok());
        let found = listening
            .flat_map(|table| table.lines().filter_map(Listening::parse).collect::<Vec<_>>())
            .find(|socket| socket.keeps(addr))?;
        process_with(found.inode).map_or_else(|| user(found.uid).map(Holder::User), Self::process)
    }

    /// A process that is known by its ID.
    pub(crate) fn process(pid: u32) -> Option<Holder> {
        if pid == std::process::id() {
            return Some(Holder::Ourselves);
        }
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(Holder::Process { pid, name: name.trim_end().escape_debug().to_string() })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holder::Ourselves => f.write_str("this process itself"),
            Holder::Process { pid, name } => write!(f, "{name} (process {pid})"),
            Holder::User(user) => write!(f, "a process of {user}"),
        }
    }
}

/// A listening socket as `/proc/net/tcp` and `tcp6` describe it.
#[derive(Debug, PartialEq, Eq)]
struct Listening {
    addr: SocketAddr,
    uid: u32,
    inode: u64,
}

impl Listening {
    /// One line of the table; none when it is the header or a socket that does not listen.
    fn parse(line: &str) -> Option<Listening> {
        let mut fields = line.split_ascii_whitespace();
        let (ip, port) = fields.nth(1)?.split_once(':')?;
        let (_, state) = (fields.next()?, fields.next()?);
        if state != "0A" {
            return None;
        }
        // Behind the state: queues, timer, retransmissions.
        let uid = fields.nth(3)?.parse().ok()?;
        let inode = fields.nth(1)?.parse().ok()?;
        let addr = SocketAddr::new(ip_of(ip)?, u16::from_str_radix(port, 16).ok()?);
        Some(Listening { addr, uid, inode })
    }

    /// Whether it keeps an address from being bound: the same port, and the same or every address. An IPv6 socket on
    /// every address may have IPv4 too.
    fn keeps(&self, addr: SocketAddr) -> bool {
        let (theirs, ours) = (self.addr.ip().to_canonical(), addr.ip().to_canonical());
        let overlap = match (theirs, ours) {
            _ if theirs == ours => true,
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                theirs.is_unspecified() || ours.is_unspecified()
            }
            (IpAddr::V6(six), IpAddr::V4(_)) | (IpAddr::V4(_), IpAddr::V6(six)) => six.is_unspecified(),
        };
        self.addr.port() == addr.port() && overlap
    }
}

/// An address as the kernel prints it: 32 bits at a time, each as the processor stores it.
fn ip_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut octets = [0; 16];
            for (at, four) in octets.chunks_mut(4).enumerate() {
                four.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(octets).into())
        }
        _ => None,
    }
}

/// The process that has a socket open, if we may look into it.
fn process_with(inode: u64) -> Option<u32> {
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        descriptors.flatten().any(|entry| {
            std::fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str())
        })
    })
}

fn user(uid: u32) -> Option<String> {
    // The one user whose processes nobody needs to be told about is our own.
    let uid = nix::unistd::Uid::from_raw(uid);
    if uid == nix::unistd::Uid::effective() {
        return None;
    }
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => Some(format!("user '{}'", user.name)),
        _ => Some(format!("user {uid}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0000000000000000 20 4 30 10 -1
";
    const TABLE6: &str = "\
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0000000000000000 100 0 0 10 0
   1: B80D0120000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4715 1 0000000000000000 100 0 0 10 0
";

    #[cfg(target_endian = "little")]
    #[test]
    fn tables_when_read_name_the_sockets_that_listen() {
        let all = |table: &str| table.lines().filter_map(Listening::parse).collect::<Vec<_>>();
        let socket = |addr: &str, uid, inode| Listening { addr: addr.parse().unwrap(), uid, inode };
        assert_eq!(all(TABLE), [socket("127.0.0.1:8080", 1000, 4711), socket("0.0.0.0:80", 33, 4712)]);
        assert_eq!(all(TABLE6), [socket("[::]:8080", 0, 4714), socket("[2001:db8::1]:443", 0, 4715)]);
        assert_eq!(all("nonsense\n 0: 1:2 3 0A\n\u{e9}\u{e9}\u{e9}\u{e9}:1 x 0A x x x 1 x 2"), []);
    }

    #[test]
    fn socket_when_it_overlaps_keeps_the_address() {
        for (theirs, ours, keeps) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("127.0.0.1:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "127.0.0.2:80", true),
            ("[::]:80", "127.0.0.2:80", true),
            ("0.0.0.0:80", "[::]:80", true),
            ("[::1]:80", "0.0.0.0:80", false),
            ("0.0.0.0:80", "[::1]:80", false),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
        ] {
            let theirs = Listening { addr: theirs.parse().unwrap(), uid: 0, inode: 0 };
            assert_eq!(theirs.keeps(ours.parse().unwrap()), keeps, "{theirs:?} {ours}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn holder_when_it_is_this_process_is_found() {
        for ip in ["127.0.0.1", "::1"] {
            let listener = std::net::TcpListener::bind((ip, 0)).unwrap();
            let addr = listener.local_addr().unwrap();
            assert_eq!(Holder::of(addr), Some(Holder::Ourselves));
            drop(listener);
            assert_eq!(Holder::of(addr), None);
        }
    }

    #[test]
    fn holder_when_written_is_part_of_a_sentence() {
        let process = Holder::Process { pid: 7, name: "nginx".into() };
        assert_eq!(process.to_string(), "nginx (process 7)");
        assert_eq!(Holder::User("user 'www-data'".into()).to_string(), "a process of user 'www-data'");
        assert_eq!(user(nix::unistd::Uid::effective().as_raw()), None);
        assert_eq!(user(4_000_000_000), Some("user 4000000000".into()));
    }
}
