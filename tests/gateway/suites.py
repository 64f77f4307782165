"""Every case of the public conformance suites, and the test of `test_conformance` it stands for.

By the groups and titles the suites have; the Socket.IO suite repeats what it needs of Engine.IO.
"""

Suite = dict[str, dict[str, str]]

ENGINE_IO: Suite = {
    "handshake, HTTP long-polling": {
        "successfully opens a session": "TestHandshake.test_polling_opens_a_session",
        "fails with an invalid 'EIO' query parameter": (
            "TestHandshake.test_polling_fails_with_invalid_parameters"
        ),
        "fails with an invalid 'transport' query parameter": (
            "TestHandshake.test_polling_fails_with_invalid_parameters"
        ),
        "fails with an invalid request method": (
            "TestHandshake.test_polling_fails_with_an_invalid_method"
        ),
    },
    "handshake, WebSocket": {
        "successfully opens a session": "TestHandshake.test_websocket_opens_a_session",
        "fails with an invalid 'EIO' query parameter": (
            "TestHandshake.test_websocket_fails_with_invalid_parameters"
        ),
        "fails with an invalid 'transport' query parameter": (
            "TestHandshake.test_websocket_fails_with_invalid_parameters"
        ),
    },
    "message, HTTP long-polling": {
        "sends and receives a payload containing one plain text packet": (
            "TestEngineMessages.test_polling_carries_packets"
        ),
        "sends and receives a payload containing several plain text packets": (
            "TestEngineMessages.test_polling_carries_packets"
        ),
        "sends and receives a payload containing plain text and binary packets": (
            "TestEngineMessages.test_polling_carries_packets"
        ),
        "closes the session upon invalid packet format": (
            "TestEngineMessages.test_polling_closes_upon_an_invalid_packet"
        ),
        "closes the session upon duplicate poll requests": (
            "TestEngineMessages.test_polling_closes_upon_duplicate_polls"
        ),
    },
    "message, WebSocket": {
        "sends and receives a plain text packet": (
            "TestEngineMessages.test_websocket_carries_text_and_binary"
        ),
        "sends and receives a binary packet": (
            "TestEngineMessages.test_websocket_carries_text_and_binary"
        ),
        "closes the session upon invalid packet format": (
            "TestEngineMessages.test_websocket_closes_upon_an_invalid_packet"
        ),
    },
    "heartbeat, HTTP long-polling": {
        "sends ping/pong packets": "TestHeartbeat.test_polling_pings",
        "closes the session upon ping timeout": "TestHeartbeat.test_polling_times_out",
    },
    "heartbeat, WebSocket": {
        "sends ping/pong packets": "TestHeartbeat.test_websocket_pings",
        "closes the session upon ping timeout": "TestHeartbeat.test_websocket_times_out",
    },
    "close, HTTP long-polling": {
        "forcefully closes the session": "TestClose.test_polling_is_closed_by_the_client",
    },
    "close, WebSocket": {
        "forcefully closes the session": "TestClose.test_websocket_is_closed_by_the_client",
    },
    "upgrade": {
        "successfully upgrades from HTTP long-polling to WebSocket": (
            "TestUpgrade.test_from_polling_to_websocket"
        ),
        "ignores HTTP requests with same sid after upgrade": (
            "TestUpgrade.test_ignores_polls_afterwards"
        ),
        "ignores WebSocket connection with same sid after upgrade": (
            "TestUpgrade.test_ignores_a_second_websocket"
        ),
    },
}

SOCKET_IO: Suite = {
    "handshake, HTTP long-polling": {
        "should successfully open a session": "TestHandshake.test_polling_opens_a_session",
        "should fail with an invalid 'EIO' query parameter": (
            "TestHandshake.test_polling_fails_with_invalid_parameters"
        ),
        "should fail with an invalid 'transport' query parameter": (
            "TestHandshake.test_polling_fails_with_invalid_parameters"
        ),
        "should fail with an invalid request method": (
            "TestHandshake.test_polling_fails_with_an_invalid_method"
        ),
    },
    "handshake, WebSocket": {
        "should successfully open a session": "TestHandshake.test_websocket_opens_a_session",
        "should fail with an invalid 'EIO' query parameter": (
            "TestHandshake.test_websocket_fails_with_invalid_parameters"
        ),
        "should fail with an invalid 'transport' query parameter": (
            "TestHandshake.test_websocket_fails_with_invalid_parameters"
        ),
    },
    "heartbeat, HTTP long-polling": {
        "should send ping/pong packets": "TestHeartbeat.test_polling_pings",
        "should close the session upon ping timeout": "TestHeartbeat.test_polling_times_out",
    },
    "heartbeat, WebSocket": {
        "should send ping/pong packets": "TestHeartbeat.test_websocket_pings",
        "should close the session upon ping timeout": "TestHeartbeat.test_websocket_times_out",
    },
    "close, HTTP long-polling": {
        "should forcefully close the session": "TestClose.test_polling_is_closed_by_the_client",
    },
    "close, WebSocket": {
        "should forcefully close the session": "TestClose.test_websocket_is_closed_by_the_client",
    },
    "upgrade": {
        "should successfully upgrade from HTTP long-polling to WebSocket": (
            "TestUpgrade.test_from_polling_to_websocket"
        ),
        "should ignore HTTP requests with same sid after upgrade": (
            "TestUpgrade.test_ignores_polls_afterwards"
        ),
        "should ignore WebSocket connection with same sid after upgrade": (
            "TestUpgrade.test_ignores_a_second_websocket"
        ),
    },
    "connect": {
        "should allow connection to the main namespace": "TestConnect.test_to_a_namespace",
        "should allow connection to the main namespace with a payload": (
            "TestConnect.test_to_a_namespace"
        ),
        "should allow connection to a custom namespace": "TestConnect.test_to_a_namespace",
        "should allow connection to a custom namespace with a payload": (
            "TestConnect.test_to_a_namespace"
        ),
        "should disallow connection to an unknown namespace": (
            "TestConnect.test_not_to_an_unknown_namespace"
        ),
        "should disallow connection with an invalid handshake": (
            "TestConnect.test_not_with_an_invalid_handshake"
        ),
        "should close the connection if no handshake is received": (
            "TestConnect.test_closes_when_no_handshake_is_received"
        ),
    },
    "disconnect": {
        "should disconnect from the main namespace": "TestDisconnect.test_from_the_main_namespace",
        "should connect then disconnect from a custom namespace": (
            "TestDisconnect.test_from_a_custom_namespace"
        ),
    },
    "message": {
        "should send a plain-text packet": "TestMessages.test_plain_text",
        "should send a packet with binary attachments": "TestMessages.test_binary_attachments",
        "should send a plain-text packet with an ack": "TestMessages.test_an_ack",
        "should send a packet with binary attachments and an ack": (
            "TestMessages.test_binary_attachments_and_an_ack"
        ),
        "should close the connection upon invalid format (unknown packet type)": (
            "TestMessages.test_invalid_packets_close"
        ),
        "should close the connection upon invalid format (invalid payload format)": (
            "TestMessages.test_invalid_packets_close"
        ),
        "should close the connection upon invalid format (invalid ack id)": (
            "TestMessages.test_invalid_packets_close"
        ),
    },
}
