//! What Tor tells about the descriptor of a service, which its clients must be able to fetch (control-spec §4.1.25).

use crate::control::{Keywords, Reply};

/// How far a service is published.
#[derive(Debug)]
pub(crate) struct Publication {
    /// The address without `.onion`.
    name: String,
    uploading: u32,
    uploaded: u32,
    failed: u32,
}

/// What an event means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing for this service, or nothing new.
    Nothing,
    /// The first directory has the descriptor: clients can find the service.
    Published,
    /// Every directory that was tried so far refused, the last for this reason.
    Refused(String),
}

impl Publication {
    /// Of a service that is being published, by its address without `.onion`.
    pub(crate) fn new(name: &str) -> Self {
        Publication { name: name.to_owned(), uploading: 0, uploaded: 0, failed: 0 }
    }

    /// Whether clients can find it.
    pub(crate) fn is_published(&self) -> bool {
        self.uploaded > 0
    }

    /// How many directories have it.
    pub(crate) fn directories(&self) -> u32 {
        self.uploaded
    }

    /// Takes an event.
    pub(crate) fn hear(&mut self, event: &Reply) -> Heard {
        let Some(text) = event.line("HS_DESC") else { return Heard::Nothing };
        let mut words = text.split(' ');
        let (action, address) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if address != self.name {
            return Heard::Nothing;
        }
        match action {
            "UPLOAD" => self.uploading = self.uploading.saturating_add(1),
            "UPLOADED" => {
                self.uploaded = self.uploaded.saturating_add(1);
                if self.uploaded == 1 {
                    return Heard::Published;
                }
            }
            // Whoever looks the service up through the same Tor makes failures too, with reasons of their own.
            "FAILED" => {
                let reason = Keywords::text(text, "REASON").unwrap_or_default();
                if matches!(reason.as_str(), "UPLOAD_REJECTED" | "UNEXPECTED" | "") {
                    self.failed = self.failed.saturating_add(1);
                    if self.uploaded == 0 && self.failed >= self.uploading {
                        return Heard::Refused(if reason.is_empty() {
                            "no reason told".to_owned()
                        } else {
                            reason
                        });
                    }
                }
            }
            _ => {}
        }
        Heard::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Reply {
        Reply { status: 650, lines: vec![text.to_owned()] }
    }

    #[test]
    fn events_of_a_service_tell_when_it_is_published_and_when_all_directories_refuse() {
        let mut publication = Publication::new("abc");
        for (text, heard) in [
            ("HS_DESC CREATED abc UNKNOWN UNKNOWN x", Heard::Nothing),
            ("HS_DESC UPLOAD abc UNKNOWN $A~a x", Heard::Nothing),
            ("HS_DESC UPLOAD abc UNKNOWN $B~b x", Heard::Nothing),
            ("HS_DESC UPLOADED other UNKNOWN $A~a", Heard::Nothing),
            ("HS_DESC FAILED abc NO_AUTH $C~c x REASON=NOT_FOUND", Heard::Nothing),
            ("HS_DESC FAILED abc UNKNOWN $A~a x REASON=UPLOAD_REJECTED", Heard::Nothing),
            (
                "HS_DESC FAILED abc UNKNOWN $B~b x REASON=UPLOAD_REJECTED",
                Heard::Refused("UPLOAD_REJECTED".into()),
            ),
            ("HS_DESC UPLOADED abc UNKNOWN $B~b", Heard::Published),
            ("HS_DESC UPLOADED abc UNKNOWN $A~a", Heard::Nothing),
            ("HS_DESC FAILED abc UNKNOWN $B~b x REASON=UPLOAD_REJECTED", Heard::Nothing),
            ("HS_DESC", Heard::Nothing),
            ("CIRC 1 BUILT", Heard::Nothing),
        ] {
            assert_eq!(publication.hear(&event(text)), heard, "{text}");
        }
        assert!(publication.is_published());
        assert_eq!(publication.directories(), 2);
    }
}
