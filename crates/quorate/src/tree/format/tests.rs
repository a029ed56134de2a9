use std::io::BufReader;

use super::line::{FORMAT, VERSION};
use super::reader::FormatError;
use super::*;

fn header() -> Header {
    Header {
        format: FORMAT.into(),
        version: VERSION,
        source: "a:1".into(),
        zxid: "0x7".into(),
        root: "/a".into(),
        taken_at_ms: 5,
    }
}

fn node(path: &str, data: Option<&[u8]>) -> NodeLine {
    let DataText { data, encoding } = DataText::of(data);
    NodeLine {
        path: path.into(),
        data,
        encoding,
        acl: vec!["world:anyone:cdrwa".into()],
        kind: Kind::Persistent,
        ttl_ms: None,
        stat: Some(StatLine::from(&client::Stat::default())),
    }
}

fn nodes() -> Vec<NodeLine> {
    let ttl = NodeLine { kind: Kind::Ttl, ttl_ms: Some(9), stat: None, ..node("/a/b/ttl", Some(b"")) };
    vec![node("/a", None), node("/a/b", Some("\"\n\u{0}é".as_bytes())), ttl, node("/a/c", Some(&[0xff, 0]))]
}

fn written(nodes: &[NodeLine]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &header()).unwrap();
    for node in nodes {
        writer.node(node).unwrap();
    }
    writer.finish(2, 1).unwrap().0
}

fn read(text: &[u8], seal: Seal) -> Result<Vec<NodeLine>, FormatError> {
    let mut reader = Reader::new(BufReader::new(text), seal)?;
    let mut nodes = Vec::new();
    while let Some(node) = reader.next()? {
        nodes.push(node);
    }
    assert_eq!(reader.trailer().unwrap().ephemerals_left_out, 2);
    Ok(nodes)
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(read(&written(&nodes()), Seal::Unbroken).unwrap(), nodes());
    assert_eq!(read(&written(&[]), Seal::Unbroken).unwrap(), []);
}

#[test]
fn data_comes_back_as_it_was() {
    for data in [None, Some(&b""[..]), Some(b"text"), Some("\u{1f600}\r\n".as_bytes()), Some(&[0xc3, 0x28])] {
        assert_eq!(node("/a", data).bytes().unwrap().as_deref(), data);
    }
    assert_eq!(DataText::of(Some(b"text")).encoding, None);
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused() {
    let whole = written(&nodes());
    for length in 0..whole.len() {
        assert!(read(&whole[..length], Seal::Unbroken).is_err(), "{length} of {} bytes", whole.len());
        assert!(read(&whole[..length], Seal::MayBeBroken).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn a_change_of_any_byte_is_noticed() {
    let whole = written(&nodes());
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        // In the trailer, of which the checksum says nothing, counts may change that mean nothing to an import.
        let is_remark = whole[..at].windows(8).any(|bytes| bytes == b"{\"znodes");
        assert!(is_remark || read(&changed, Seal::Unbroken).is_err(), "byte {at}");
    }
}

#[test]
fn a_lost_line_is_noticed_unless_it_was_edited_out() {
    let text = String::from_utf8(written(&nodes())).unwrap();
    let fewer: String =
        text.lines().filter(|line| !line.contains("/a/c")).map(|line| format!("{line}\n")).collect();
    assert!(matches!(read(fewer.as_bytes(), Seal::Unbroken), Err(FormatError::Count { told: 4, found: 3 })));
    assert_eq!(read(fewer.as_bytes(), Seal::MayBeBroken).unwrap(), nodes()[..3]);
}

#[test]
fn what_makes_no_sense_is_told_with_its_line() {
    let wrong = [
        node("/b", None),
        node("/ab", None),
        node("a", None),
        NodeLine { acl: vec!["nobody".into()], ..node("/a", None) },
        NodeLine { ttl_ms: Some(1), ..node("/a", None) },
        NodeLine { kind: Kind::Ttl, ..node("/a", None) },
    ];
    for wrong in wrong {
        match read(&written(&[node("/a", None), wrong.clone()]), Seal::Unbroken) {
            Err(FormatError::Line { line: 3, .. }) => {}
            other => panic!("{wrong:?}: {other:?}"),
        }
    }
}

#[test]
fn other_files_are_told_apart() {
    for text in ["", "\n", "hello\n", "{}\n", "{\"format\":\"other\",\"version\":1}\n"] {
        assert!(
            matches!(read(text.as_bytes(), Seal::Unbroken), Err(FormatError::NotAnExport(_))),
            "{text:?}"
        );
    }
    let newer = br#"{"format":"quorate-tree","version":3,"shards":[]}"#;
    assert!(matches!(read(newer, Seal::Unbroken), Err(FormatError::TooNew(3))));
}

#[test]
fn the_next_number_of_a_sequence_is_the_count_of_creates() {
    // As ZooKeeper shows it: three creates and one delete.
    let stat = client::Stat { cversion: 4, children: 2, ..client::Stat::default() };
    assert_eq!(line::next_sequence(&stat), 3);
    // A new tree's root, and what is there from the start.
    let root = client::Stat { cversion: -1, children: 1, ..client::Stat::default() };
    assert_eq!(line::next_sequence(&root), 0);
}

#[test]
fn quotas_are_read_as_they_were_written() {
    let quota = |prefix: &str| QuotaLine { quota: prefix.into(), limits: "count=5,bytes=-1".into() };
    let written = |quotas: &[QuotaLine]| {
        let header = Header { version: version_for(quotas), ..header() };
        let mut writer = Writer::new(Vec::new(), &header).unwrap();
        quotas.iter().for_each(|quota| writer.quota(quota).unwrap());
        writer.node(&nodes()[0]).unwrap();
        writer.finish(0, 0).unwrap().0
    };
    let read = |text: &[u8]| {
        let mut reader = Reader::new(BufReader::new(text), Seal::Unbroken)?;
        while reader.next()?.is_some() {}
        Ok::<_, FormatError>((reader.header().version, reader.quotas().to_vec()))
    };
    let quotas = [quota("/a"), quota("/a/b")];
    assert_eq!(read(&written(&quotas)).unwrap(), (2, quotas.to_vec()));
    assert_eq!(read(&written(&[])).unwrap(), (1, Vec::new()), "older programs read what has none");
    let changed = String::from_utf8(written(&quotas)).unwrap().replace("count=5", "count=6");
    assert!(matches!(read(changed.as_bytes()), Err(FormatError::Checksum { .. })));
    for prefix in ["/other", "/zookeeper/quota", "a"] {
        assert!(
            matches!(read(&written(&[quota(prefix)])), Err(FormatError::Line { line: 2, .. })),
            "{prefix}"
        );
    }
}
