//! Reads.

use tree::ErrorCode;

use crate::fixture::Fixture;

#[test]
fn reads_do_not_validate_paths() {
    let f = Fixture::new();
    for path in ["nope", "/nope", "/zookeeper/", "//", "//zookeeper", "/zookeeper//quota", "/.", "\0"] {
        assert_eq!(f.tree.exists(path, &[]), Err(ErrorCode::NoNode), "{path:?}");
        assert_eq!(f.tree.data(path, &[]).map(|_| ()), Err(ErrorCode::NoNode), "{path:?}");
    }
    assert_eq!(f.tree.exists("", &[]), f.tree.exists("/", &[]), "the empty path is the root");
}

#[test]
fn children_come_in_byte_order_and_can_be_paged() {
    let mut f = Fixture::new();
    f.create("/p").unwrap();
    let mut expected: Vec<_> = (0..1_000).map(|n| format!("n{}", n * 7_919 % 1_000)).collect();
    for name in &expected {
        f.create(&format!("/p/{name}")).unwrap();
    }
    expected.sort();
    assert_eq!(f.names("/p"), expected);
    let (names, stat) = f.tree.children("/p", &[]).unwrap();
    assert_eq!((names.len(), stat.num_children, names.is_empty()), (1_000, 1_000, false));
    let mut paged: Vec<String> = Vec::new();
    loop {
        let after = paged.last().map_or("", String::as_str);
        let page: Vec<_> = names.iter_after(after).take(37).map(str::to_owned).collect();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, expected);
    assert_eq!(names.iter_after("n5000").next(), Some("n501"), "the name to start after need not exist");
}

#[test]
fn descendants_are_counted_at_any_depth() {
    let mut f = Fixture::new();
    for path in ["/a", "/a/b", "/a/b/c", "/a/d", "/e"] {
        f.create(path).unwrap();
    }
    let count = |f: &Fixture, path| f.tree.descendants(path, &[]).unwrap();
    assert_eq!(["/", "/a", "/a/b", "/a/b/c"].map(|path| count(&f, path)), [8, 3, 1, 0]);
    f.delete("/a/b/c").unwrap();
    f.delete("/a/b").unwrap();
    f.delete("/a/d").unwrap();
    assert_eq!(["/", "/a"].map(|path| count(&f, path)), [5, 0]);
}

#[test]
fn long_names_are_kept_whole() {
    let mut f = Fixture::new();
    let name = "long-".repeat(100);
    f.create(&format!("/{name}")).unwrap();
    assert_eq!(f.names("/"), [name.as_str(), "zookeeper"]);
}

#[test]
fn the_size_counts_paths_and_data() {
    let mut f = Fixture::new();
    let empty = f.tree.counters().data_bytes;
    f.create("/ab").unwrap();
    f.create("/ab/cd").unwrap();
    assert_eq!(f.tree.counters().data_bytes - empty, 3 + 4 + 6 + 4);
    f.set("/ab", "123456").unwrap();
    assert_eq!(f.tree.counters().data_bytes - empty, 3 + 6 + 6 + 4);
    f.delete("/ab/cd").unwrap();
    f.delete("/ab").unwrap();
    assert_eq!(f.tree.counters().data_bytes, empty);
}
