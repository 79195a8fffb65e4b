use super::*;

fn headers(values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (SEC_WEBSOCKET_EXTENSIONS, value.parse().unwrap())).collect()
}

fn window(bits: u8, takeover: bool) -> Window {
    Window { bits, takeover }
}

/// What a server answers to an offer: our window, the client's, and the parameters of the response.
fn answer(settings: DeflateSettings, offer: &str) -> Option<(Window, Window, String)> {
    let (agreed, value) = DeflateServer::new(settings).accept(&headers(&[offer]))?;
    let value = value.to_str().unwrap();
    let params = value.strip_prefix("permessage-deflate").unwrap();
    Some((agreed.ours, agreed.theirs, params.to_owned()))
}

#[test]
fn offers_are_answered_as_the_settings_say() {
    let plain = DeflateSettings::default();
    let modest = DeflateSettings { no_context_takeover: true, max_window_bits: 11, ..plain };
    let strict =
        DeflateSettings { request_no_context_takeover: true, request_max_window_bits: Some(10), ..plain };
    let full = window(15, true);
    for (settings, offer, expected) in [
        (plain, "permessage-deflate", Some((full, full, ""))),
        (plain, "Permessage-Deflate", Some((full, full, ""))),
        // What browsers offer: nothing is asked of them.
        (plain, "permessage-deflate; client_max_window_bits", Some((full, full, ""))),
        // A client that limits itself.
        (plain, "permessage-deflate; client_max_window_bits=10", Some((full, window(10, true), ""))),
        (plain, "permessage-deflate; client_max_window_bits=8", Some((full, window(8, true), ""))),
        (plain, "permessage-deflate; client_no_context_takeover", Some((full, full, ""))),
        // A client that limits us; the smaller window counts and is told.
        (
            plain,
            "permessage-deflate; server_max_window_bits=9; server_no_context_takeover",
            Some((window(9, false), full, "; server_no_context_takeover; server_max_window_bits=9")),
        ),
        (
            modest,
            "permessage-deflate; server_max_window_bits=13",
            Some((window(11, false), full, "; server_no_context_takeover; server_max_window_bits=11")),
        ),
        (
            modest,
            "permessage-deflate; server_max_window_bits=\"10\"",
            Some((window(10, false), full, "; server_no_context_takeover; server_max_window_bits=10")),
        ),
        // Ours is only told when asked for.
        (modest, "permessage-deflate", Some((window(11, false), full, "; server_no_context_takeover"))),
        // What we ask must have been offered.
        (strict, "permessage-deflate", None),
        (strict, "permessage-deflate; client_no_context_takeover", None),
        (strict, "permessage-deflate; client_max_window_bits", None),
        (
            strict,
            "permessage-deflate; client_no_context_takeover; client_max_window_bits",
            Some((full, window(10, false), "; client_no_context_takeover; client_max_window_bits=10")),
        ),
        (
            strict,
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=9",
            Some((full, window(9, false), "; client_no_context_takeover; client_max_window_bits=9")),
        ),
        (
            strict,
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=12",
            Some((full, window(10, false), "; client_no_context_takeover; client_max_window_bits=10")),
        ),
        // What no server can do, and what is not written as it must be.
        (plain, "permessage-deflate; server_max_window_bits=8", None),
        (plain, "permessage-deflate; server_max_window_bits", None),
        (plain, "permessage-deflate; server_max_window_bits=7", None),
        (plain, "permessage-deflate; server_max_window_bits=16", None),
        (plain, "permessage-deflate; server_max_window_bits=010", None),
        (plain, "permessage-deflate; server_max_window_bits=+10", None),
        (plain, "permessage-deflate; client_max_window_bits=0", None),
        (plain, "permessage-deflate; client_max_window_bits=16", None),
        (plain, "permessage-deflate; server_no_context_takeover=true", None),
        (plain, "permessage-deflate; client_no_context_takeover=1", None),
        (plain, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        (plain, "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9", None),
        (plain, "permessage-deflate; unknown", None),
        (plain, "permessage-deflate;", None),
        (plain, "x-webkit-deflate-frame", None),
        (plain, "permessage-bzip2", None),
        // The first that can be accepted wins.
        (
            plain,
            "permessage-bzip2, permessage-deflate; server_max_window_bits=8, \
             permessage-deflate; server_max_window_bits=12, permessage-deflate",
            Some((window(12, true), full, "; server_max_window_bits=12")),
        ),
    ] {
        let expected = expected.map(|(ours, theirs, params)| (ours, theirs, params.to_owned()));
        assert_eq!(answer(settings, offer), expected, "{offer}");
    }
}

#[test]
fn offers_in_several_headers_are_one_list() {
    let server = DeflateServer::new(DeflateSettings::default());
    let offers = headers(&["foo, permessage-deflate; server_max_window_bits=8", "permessage-deflate"]);
    assert_eq!(server.accept(&offers).unwrap().1, "permessage-deflate");
    // What is not understood is passed over.
    let offers = headers(&["=", "permessage-deflate; client_max_window_bits"]);
    assert!(server.accept(&offers).is_some());
    assert!(server.accept(&headers(&[])).is_none());
}

#[test]
fn settings_out_of_range_count_as_the_nearest() {
    let settings = DeflateSettings {
        max_window_bits: 8,
        request_max_window_bits: Some(8),
        memory_level: 0,
        ..DeflateSettings::default()
    };
    let (ours, theirs, params) = answer(settings, "permessage-deflate; client_max_window_bits").unwrap();
    assert_eq!((ours.bits, theirs.bits, params.as_str()), (9, 9, "; client_max_window_bits=9"));
}

#[test]
fn connections_beyond_the_cap_keep_no_windows() {
    let server = DeflateServer::new(DeflateSettings { max_contexts: 2, ..DeflateSettings::default() });
    let accept = |offer| server.accept(&headers(&[offer])).unwrap();
    let first = accept("permessage-deflate");
    let _second = accept("permessage-deflate; server_no_context_takeover");
    assert_eq!(server.contexts(), 2);
    let (third, told) = accept("permessage-deflate; client_max_window_bits=10");
    assert_eq!((third.ours, third.theirs), (window(15, false), window(10, false)));
    assert_eq!(told, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    drop(first);
    assert_eq!(accept("permessage-deflate").0.ours, window(15, true));
    // Who keeps none needs no place.
    let none = DeflateSettings {
        no_context_takeover: true,
        request_no_context_takeover: true,
        ..Default::default()
    };
    let server = DeflateServer::new(none);
    let _one = server.accept(&headers(&["permessage-deflate; client_no_context_takeover"])).unwrap();
    assert_eq!(server.contexts(), 0);
}

#[test]
fn client_offers_what_it_is_set_to() {
    let plain = DeflateSettings::default();
    for (settings, offer) in [
        (plain, "permessage-deflate; client_max_window_bits"),
        (
            DeflateSettings {
                request_no_context_takeover: true,
                request_max_window_bits: Some(10),
                no_context_takeover: true,
                max_window_bits: 12,
                ..plain
            },
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; \
             client_no_context_takeover; client_max_window_bits=12",
        ),
    ] {
        assert_eq!(DeflateClient::new(settings).offer(), offer);
    }
}

#[test]
fn client_takes_answers_that_answer_its_offer() {
    let plain = DeflateSettings::default();
    let asking =
        DeflateSettings { request_no_context_takeover: true, request_max_window_bits: Some(10), ..plain };
    let small = DeflateSettings { max_window_bits: 12, no_context_takeover: true, ..plain };
    let full = window(15, true);
    for (settings, answer, expected) in [
        (plain, "permessage-deflate", Some((full, full))),
        (plain, "permessage-deflate; server_max_window_bits=9", Some((full, window(9, true)))),
        (plain, "permessage-deflate; server_max_window_bits=8", Some((full, window(8, true)))),
        (plain, "permessage-deflate; client_max_window_bits=8", Some((window(8, true), full))),
        (
            plain,
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
            Some((window(15, false), window(15, false))),
        ),
        (small, "permessage-deflate", Some((window(12, false), full))),
        (small, "permessage-deflate; client_max_window_bits=11", Some((window(11, false), full))),
        (small, "permessage-deflate; client_max_window_bits=13", None),
        (asking, "permessage-deflate", None),
        (asking, "permessage-deflate; server_no_context_takeover", None),
        (asking, "permessage-deflate; server_max_window_bits=10", None),
        (asking, "permessage-deflate; server_no_context_takeover; server_max_window_bits=11", None),
        (
            asking,
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
            Some((full, window(9, false))),
        ),
        (plain, "permessage-deflate; client_max_window_bits", None),
        (plain, "permessage-deflate; server_max_window_bits=16", None),
        (plain, "permessage-deflate; unknown=1", None),
        (plain, "permessage-deflate, permessage-deflate", None),
        (plain, "permessage-bzip2", None),
        (plain, "permessage-deflate;;", None),
    ] {
        let agreed = DeflateClient::new(settings).agreed(&headers(&[answer]));
        let found = agreed.map(|agreed| agreed.map(|agreed| (agreed.ours, agreed.theirs)));
        assert_eq!(found, expected.map(Some).ok_or(NotAnAnswer), "{answer}");
    }
    assert!(DeflateClient::new(plain).agreed(&headers(&[])).unwrap().is_none());
}

#[test]
fn both_sides_agree_on_the_same_windows() {
    let bools = [false, true];
    let bits = [None, Some(9), Some(15)];
    let mut settings = Vec::new();
    for request_no_context_takeover in bools {
        for request_max_window_bits in bits {
            for no_context_takeover in bools {
                for max_window_bits in [9, 12, 15] {
                    settings.push(DeflateSettings {
                        request_no_context_takeover,
                        request_max_window_bits,
                        no_context_takeover,
                        max_window_bits,
                        ..DeflateSettings::default()
                    });
                }
            }
        }
    }
    let mut agreed = 0;
    for server in &settings {
        for client in &settings {
            for max_contexts in [0, 1] {
                let server = DeflateServer::new(DeflateSettings { max_contexts, ..*server });
                let client = DeflateClient::new(*client);
                let Some((ours, value)) = server.accept(&headers(&[&client.offer()])) else { continue };
                let theirs = client.agreed(&headers(&[value.to_str().unwrap()])).unwrap().unwrap();
                // Nobody refers to more than the other one holds, and nobody holds less.
                for (sender, receiver) in [(ours.ours, theirs.theirs), (theirs.ours, ours.theirs)] {
                    assert!(sender.bits <= receiver.bits, "{client:?} {value:?}");
                    assert!(receiver.takeover || !sender.takeover, "{client:?} {value:?}");
                }
                agreed += 1;
            }
        }
    }
    assert!(agreed > settings.len() * settings.len(), "{agreed}");
}
