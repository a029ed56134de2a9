//! The ZooKeeper client protocol: jute codec, connections, four-letter words.
