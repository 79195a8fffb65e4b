//! WAMP messages, URIs, IDs and serializers, and the port between transports and a router
