//! The first bytes of a connection to a port that speaks several protocols.

use transom_demux::{HttpSniff, MqttSniff, RawSocketSniff, Sniff, TlsSniff, Verdict};

/// A verdict once given never changes, however many bytes follow, and no two protocols claim one connection.
pub fn sniff(data: &[u8]) {
    let sniffers: [&dyn Sniff; 4] = [&RawSocketSniff, &MqttSniff, &TlsSniff, &HttpSniff];
    let mut claimed = 0;
    for sniffer in sniffers {
        let mut last = Verdict::NeedMore;
        for end in 0..=data.len() {
            let verdict = sniffer.sniff(&data[..end]);
            assert!(last == Verdict::NeedMore || verdict == last, "{last:?} became {verdict:?} at {end}");
            last = verdict;
        }
        claimed += usize::from(last == Verdict::Yes);
    }
    assert!(claimed <= 1);
}
