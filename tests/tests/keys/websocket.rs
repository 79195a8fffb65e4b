//! The keys of WebSocket.

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use transom_tests::{Carrier, TestNode};

use crate::support::{
    CLOSE, PING, SUBPROTOCOL, UPGRADE, VERSION, WEBSOCKET_PLACES, Ws, closed_after, get, hello, join_by, tcp,
    websocket, websocket_everywhere, whole_seconds, with,
};

/// The status of an upgrade with one more header.
async fn status(node: &TestNode, header: &str) -> u16 {
    Ws::ask(&node.target(0), &[UPGRADE, VERSION, SUBPROTOCOL, header].concat()).await.0
}

/// An option at its default and written, and the status of an upgrade with one more header under each.
async fn compare(option: Json, header: &str, by_default: u16, written: u16) {
    assert_eq!(status(&websocket(json!({})).await, header).await, by_default, "default of {option}");
    assert_eq!(status(&websocket(option.clone()).await, header).await, written, "{option}");
}

#[tokio::test]
async fn url_when_written_is_on_the_status_page() {
    let node = websocket_everywhere(&json!({"url": "ws://example.com/here"})).await;
    for place in 0..WEBSOCKET_PLACES {
        let (status, page) = get(&node.target(place), "/ws").await;
        assert!(status == 200 && page.contains("ws://example.com/here"), "{place}: {page}");
    }
}

#[tokio::test]
async fn serializers_when_listed_are_the_only_ones() {
    let node = websocket_everywhere(&json!({"serializers": ["msgpack"]})).await;
    for place in 0..WEBSOCKET_PLACES {
        for (name, expected) in [("json", 400), ("cbor", 400), ("msgpack", 101)] {
            let headers = format!("{UPGRADE}{VERSION}Sec-WebSocket-Protocol: wamp.2.{name}\r\n");
            assert_eq!(Ws::ask(&node.target(place), &headers).await.0, expected, "{place} {name}");
        }
    }
}

#[tokio::test]
async fn auth_when_written_says_who_a_client_is() {
    let auth =
        json!({"anonymous": {"type": "static", "role": "trusted", "authid": "somebody", "realm": "realm1"}});
    let node = websocket_everywhere(&json!({"auth": auth})).await;
    for place in 0..WEBSOCKET_PLACES {
        let hello = json!([1, null, {"roles": {"caller": {}}}]);
        let (_, details) = join_by(&node.target(place), Carrier::WebSocket, &hello).await;
        let who = [&details["realm"], &details["authrole"], &details["authid"]];
        assert_eq!(who, ["realm1", "trusted", "somebody"], "{place}");
    }
}

#[tokio::test]
async fn options_when_written_count_wherever_they_stand() {
    let node = websocket_everywhere(&json!({"options": {"allowed_origins": ["https://good.example"]}})).await;
    for place in 0..WEBSOCKET_PLACES {
        for (origin, expected) in [("https://good.example", 101), ("https://bad.example", 400)] {
            let headers = format!("{UPGRADE}{VERSION}{SUBPROTOCOL}Origin: {origin}\r\n");
            assert_eq!(Ws::ask(&node.target(place), &headers).await.0, expected, "{place} {origin}");
        }
    }
}

#[tokio::test]
async fn allowed_origins_when_written_refuse_the_others() {
    let option = json!({"allowed_origins": ["https://good.example"]});
    compare(option.clone(), "Origin: https://good.example\r\n", 101, 101).await;
    compare(option, "Origin: https://bad.example\r\n", 101, 400).await;
}

#[tokio::test]
async fn allow_null_origin_when_false_refuses_it() {
    compare(json!({"allow_null_origin": false}), "Origin: null\r\n", 101, 400).await;
}

#[tokio::test]
async fn external_port_when_written_must_be_in_the_host_header() {
    for (port, expected) in [(443, 101), (444, 400)] {
        let node = websocket(json!({"external_port": 443})).await;
        let headers = UPGRADE.replace("localhost", &format!("localhost:{port}"));
        let (status, _) = Ws::ask(&node.target(0), &[&headers, VERSION, SUBPROTOCOL].concat()).await;
        assert_eq!(status, expected, "{port}");
    }
}

#[tokio::test]
async fn versions_when_switched_off_are_refused() {
    for (option, version, expected) in [
        (json!({}), 8, 101),
        (json!({"enable_hybi10": false}), 8, 400),
        (json!({"enable_hybi10": false}), 13, 101),
        (json!({"enable_rfc6455": false}), 13, 400),
        (json!({"enable_rfc6455": false}), 8, 101),
    ] {
        let node = websocket(option.clone()).await;
        let headers = format!("{UPGRADE}{SUBPROTOCOL}Sec-WebSocket-Version: {version}\r\n");
        assert_eq!(Ws::ask(&node.target(0), &headers).await.0, expected, "{option} {version}");
    }
}

#[tokio::test(start_paused = true)]
async fn open_handshake_timeout_when_written_is_the_time_for_the_request() {
    for (option, seconds) in [(json!({}), 10), (json!({"open_handshake_timeout": 2000}), 2)] {
        let node = websocket(option).await;
        let mut io = node.target(0).connect().await;
        assert_eq!(closed_after(&mut io).await, seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn close_handshake_timeout_when_written_is_the_time_for_the_answer() {
    for (option, seconds) in [(json!({}), 5), (json!({"close_handshake_timeout": 2000}), 2)] {
        let node = websocket(option).await;
        let mut ws = Ws::open(&node.target(0)).await;
        // The node closes because nobody says HELLO.
        assert!(ws.close_code().await.is_some());
        assert_eq!(closed_after(&mut ws.io).await, seconds);
    }
}

#[tokio::test]
async fn enable_webstatus_when_false_answers_426() {
    assert_eq!(get(&websocket(json!({})).await.target(0), "/").await.0, 200);
    assert_eq!(get(&websocket(json!({"enable_webstatus": false})).await.target(0), "/").await.0, 426);
}

#[tokio::test]
async fn validate_utf8_when_false_leaves_it_to_the_serializer() {
    for (option, code) in [(json!({}), 1007), (json!({"validate_utf8": false}), 1002)] {
        let node = websocket(option).await;
        let mut ws = Ws::open(&node.target(0)).await;
        ws.send(0x81, Some([0; 4]), b"[1, \"\xff\", {}]").await;
        assert_eq!(ws.close_code().await, Some(code));
    }
}

#[tokio::test]
async fn mask_server_frames_when_true_masks_them() {
    for (option, masked) in [(json!({}), false), (json!({"mask_server_frames": true}), true)] {
        let node = websocket(option).await;
        let mut ws = Ws::open(&node.target(0)).await;
        ws.say(&hello("realm1")).await;
        let welcome = ws.frame().await.unwrap();
        assert_eq!(welcome.masked, masked);
        assert!(welcome.payload.starts_with(b"[2,"), "{welcome:?}");
    }
}

#[tokio::test]
async fn require_masked_client_frames_when_false_takes_unmasked_ones() {
    for (option, taken) in [(json!({}), false), (json!({"require_masked_client_frames": false}), true)] {
        let node = websocket(option).await;
        let mut ws = Ws::open(&node.target(0)).await;
        ws.send(0x81, None, hello("realm1").to_string().as_bytes()).await;
        assert_eq!(ws.frame().await.unwrap().opcode, if taken { 1 } else { CLOSE });
    }
}

#[tokio::test]
async fn apply_mask_when_false_takes_payloads_as_they_are() {
    for (option, taken) in [(json!({}), false), (json!({"apply_mask": false}), true)] {
        let node = websocket(option).await;
        let mut ws = Ws::open(&node.target(0)).await;
        ws.send(0x81, Some([1, 2, 3, 4]), hello("realm1").to_string().as_bytes()).await;
        let answer = ws.frame().await.unwrap();
        assert_eq!(answer.payload.starts_with(b"[2,"), taken, "{answer:?}");
    }
}

#[tokio::test]
async fn max_frame_size_when_written_bounds_one_frame() {
    let node = websocket(json!({"max_frame_size": 200})).await;
    let mut ws = Ws::joined(&node.target(0)).await;
    // Longer as a whole, but not in one frame: it is read, and is no message.
    ws.send(0x01, Some([0; 4]), &[b' '; 200]).await;
    ws.send(0x80, Some([0; 4]), &[b' '; 1]).await;
    assert_eq!(ws.close_code().await, Some(1002));
    let mut ws = Ws::joined(&node.target(0)).await;
    ws.send(0x01, Some([0; 4]), &[b' '; 201]).await;
    assert_eq!(ws.close_code().await, Some(1009));
}

#[tokio::test]
async fn max_message_size_when_written_bounds_all_frames_together() {
    let node = websocket(json!({"max_message_size": 200})).await;
    for (second, code) in [(100, 1002), (101, 1009)] {
        let mut ws = Ws::joined(&node.target(0)).await;
        ws.send(0x01, Some([0; 4]), &[b' '; 100]).await;
        ws.send(0x80, Some([0; 4]), &vec![b' '; second]).await;
        assert_eq!(ws.close_code().await, Some(code), "{second}");
    }
}

#[tokio::test]
async fn auto_fragment_size_when_written_splits_messages() {
    let node = websocket(json!({"auto_fragment_size": 16})).await;
    let mut ws = Ws::open(&node.target(0)).await;
    ws.say(&hello("realm1")).await;
    let (mut whole, mut frames) = (Vec::new(), 0);
    loop {
        let frame = ws.frame().await.unwrap();
        assert!(frame.payload.len() <= 16, "{frame:?}");
        whole.extend(frame.payload);
        frames += 1;
        if frame.fin {
            break;
        }
    }
    assert!(frames > 1);
    let welcome: Json = serde_json::from_slice(&whole).unwrap();
    assert_eq!(welcome[0], 2);
}

#[tokio::test]
async fn fail_by_drop_when_true_says_nothing() {
    let node = websocket(json!({"fail_by_drop": true})).await;
    let mut ws = Ws::open(&node.target(0)).await;
    ws.send(0x81, None, b"not masked").await;
    assert_eq!(ws.close_code().await, None);
}

#[tokio::test]
async fn echo_close_codereason_when_true_echoes_them() {
    for (option, answer) in [
        (json!({}), [&1000u16.to_be_bytes()[..], b""].concat()),
        (json!({"echo_close_codereason": true}), [&3000u16.to_be_bytes()[..], b"bye"].concat()),
    ] {
        let node = websocket(option.clone()).await;
        let mut ws = Ws::open(&node.target(0)).await;
        ws.send(0x88, Some([0; 4]), &[&3000u16.to_be_bytes()[..], b"bye"].concat()).await;
        let close = ws.frame().await.unwrap();
        assert_eq!((close.opcode, close.payload), (CLOSE, answer), "{option}");
    }
}

#[tokio::test(start_paused = true)]
async fn auto_ping_interval_and_size_when_written_are_those_of_the_pings() {
    for (option, seconds, size) in
        [(json!({}), 30, 12), (json!({"auto_ping_interval": 2000, "auto_ping_size": 20}), 2, 20)]
    {
        let node = websocket(option).await;
        let mut ws = Ws::joined(&node.target(0)).await;
        let start = Instant::now();
        let ping = ws.frame().await.unwrap();
        assert_eq!((ping.opcode, ping.payload.len()), (PING, size));
        assert_eq!(whole_seconds(start), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn auto_ping_timeout_when_written_is_the_time_for_the_pong() {
    for (option, seconds) in
        [(json!({}), 60), (json!({"auto_ping_interval": 1000, "auto_ping_timeout": 3000}), 4)]
    {
        let node = websocket(option).await;
        let mut ws = Ws::joined(&node.target(0)).await;
        assert_eq!(closed_after(&mut ws.io).await, seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn auto_ping_restart_on_any_traffic_when_false_wants_the_pong() {
    for (restart, stays) in [(true, true), (false, false)] {
        let node = websocket(json!({"auto_ping_interval": 2000, "auto_ping_timeout": 1000,
                                    "auto_ping_restart_on_any_traffic": restart}))
        .await;
        let mut ws = Ws::joined(&node.target(0)).await;
        assert_eq!(ws.frame().await.unwrap().opcode, PING);
        ws.say(&json!([32, 1, {}, "com.example.topic"])).await;
        assert!(ws.frame().await.unwrap().payload.starts_with(b"[33,"));
        // With a session that was heard of, the next thing is another ping; otherwise the end.
        assert_eq!(ws.frame().await.map(|frame| frame.opcode), stays.then_some(PING), "{restart}");
    }
}

#[tokio::test]
async fn require_websocket_subprotocol_when_false_speaks_json_without_one() {
    for (option, expected) in [(json!({}), 400), (json!({"require_websocket_subprotocol": false}), 101)] {
        let node = websocket(option).await;
        let (status, mut ws) = Ws::ask(&node.target(0), &[UPGRADE, VERSION].concat()).await;
        assert_eq!(status, expected);
        if status == 101 {
            ws.say(&hello("realm1")).await;
            assert!(ws.frame().await.unwrap().payload.starts_with(b"[2,"));
        }
    }
}

#[tokio::test]
async fn show_server_version_when_true_is_in_the_server_header() {
    for (option, shown) in [(json!({}), false), (json!({"show_server_version": true}), true)] {
        let node = websocket(option).await;
        let head = Ws::open(&node.target(0)).await.head.to_ascii_lowercase();
        assert!(head.contains("server: transom"), "{head}");
        assert_eq!(head.contains(&format!("server: transom/{}", transom_node::VERSION)), shown, "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn hello_timeout_when_written_is_the_time_for_hello() {
    for (option, seconds) in [(json!({}), 5), (json!({"hello_timeout": 2000}), 2)] {
        let node = websocket(option).await;
        let mut ws = Ws::open(&node.target(0)).await;
        let start = Instant::now();
        assert!(ws.close_code().await.is_some());
        assert_eq!(whole_seconds(start), seconds);
    }
}

/// The extensions that are agreed on when a client offers these.
async fn agreed(deflate: Json, offer: &str) -> Option<String> {
    let node = websocket(json!({"compression": {"deflate": deflate}})).await;
    let offer = format!("Sec-WebSocket-Extensions: {offer}\r\n");
    let (status, ws) = Ws::ask(&node.target(0), &[UPGRADE, VERSION, SUBPROTOCOL, &offer].concat()).await;
    assert_eq!(status, 101, "{}", ws.head);
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-extensions").then(|| value.to_owned())
    };
    ws.head.lines().find_map(header)
}

#[tokio::test]
async fn deflate_when_written_is_agreed_on_and_only_then() {
    assert_eq!(agreed(json!({}), "permessage-deflate").await.as_deref(), Some("permessage-deflate"));
    let node = websocket(json!({})).await;
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let (status, ws) = Ws::ask(&node.target(0), &[UPGRADE, VERSION, SUBPROTOCOL, offer].concat()).await;
    assert!(status == 101 && !ws.head.to_ascii_lowercase().contains("extensions"), "{}", ws.head);
}

#[tokio::test]
async fn windows_of_deflate_when_written_are_asked_for_and_told() {
    let without = json!({"request_no_context_takeover": true});
    assert_eq!(agreed(without.clone(), "permessage-deflate").await, None, "the client did not offer it");
    let answer = agreed(without, "permessage-deflate; client_no_context_takeover").await.unwrap();
    assert!(answer.contains("client_no_context_takeover"), "{answer}");
    let smaller = json!({"request_max_window_bits": 10});
    assert_eq!(agreed(smaller.clone(), "permessage-deflate").await, None, "the client did not offer it");
    let answer = agreed(smaller, "permessage-deflate; client_max_window_bits").await.unwrap();
    assert!(answer.contains("client_max_window_bits=10"), "{answer}");
    let answer = agreed(json!({"no_context_takeover": true}), "permessage-deflate").await.unwrap();
    assert!(answer.contains("server_no_context_takeover"), "{answer}");
    let ours = json!({"max_window_bits": 10});
    let answer = agreed(ours.clone(), "permessage-deflate; server_max_window_bits=12").await.unwrap();
    assert!(answer.contains("server_max_window_bits=10"), "{answer}");
    assert_eq!(agreed(ours, "permessage-deflate").await.as_deref(), Some("permessage-deflate"));
}

#[tokio::test]
async fn testee_when_configured_sends_messages_back_with_its_options() {
    let config = json!({"url": "ws://example.com/here", "options": {"max_message_size": 1000}});
    let transport = with(json!({"type": "websocket.testee", "endpoint": tcp(0)}), &config);
    let inner = with(json!({"type": "websocket", "endpoint": tcp(1)}), &config);
    let worker = json!({"type": "websocket-testee", "id": "echo", "transport": inner});
    let node = TestNode::start_workers(json!([{"type": "router", "transports": [transport]}, worker])).await;
    for place in 0..2 {
        let (status, mut ws) = Ws::ask(&node.target(place), &[UPGRADE, VERSION].concat()).await;
        assert_eq!(status, 101);
        ws.send(0x01, Some([1, 2, 3, 4]), &[b'h' ^ 1]).await;
        ws.send(0x80, Some([1, 2, 3, 4]), &[b'i' ^ 1]).await;
        let echo = ws.frame().await.unwrap();
        assert_eq!((echo.opcode, &echo.payload[..]), (1, &b"hi"[..]));
        ws.send(0x82, Some([0; 4]), &[0; 1001]).await;
        assert_eq!(ws.close_code().await, Some(1009));
    }
}

#[tokio::test]
async fn stream_testee_when_configured_sends_octets_back() {
    let node = TestNode::start(json!([{"type": "stream.testee", "endpoint": tcp(0)}])).await;
    let mut io = node.target(0).connect().await;
    io.write_all(b"\x00any octets\xff").await.unwrap();
    io.shutdown().await.unwrap();
    let mut echo = Vec::new();
    io.read_to_end(&mut echo).await.unwrap();
    assert_eq!(echo, b"\x00any octets\xff");
}
