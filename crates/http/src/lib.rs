//! HTTP/1.1 connections with limits and deadlines, a path tree and upgrades
