//! Quotas in the model, and a property of its own: the usage is what a recount finds.

use tree::{Command, ErrorCode, Operation, SubOperation, Text};

use super::coverage::Coverage;
use super::naive::Naive;
use super::script::Step;
use super::{Pair, for_each_script};

/// (nodes, bytes)
type Growth = (i64, i64);

const HOME: &str = "/zookeeper/quota";

fn is_at_or_below(path: &str, prefix: &str) -> bool {
    path == prefix || path.starts_with(&format!("{prefix}/"))
}

/// count, bytes, countHardLimit, byteHardLimit
fn parse(text: &[u8]) -> Option<[i64; 4]> {
    let text = String::from_utf8(text.to_vec()).ok()?;
    let mut found = [-1; 4];
    for pair in text.split([',', ';']).filter(|pair| !pair.is_empty()) {
        let parts: Vec<_> = pair.split('=').collect();
        let number = match parts.get(1)? {
            &"" => -1,
            digits => digits.parse().ok()?,
        };
        if let Some(at) =
            ["count", "bytes", "countHardLimit", "byteHardLimit"].iter().position(|name| *name == parts[0])
        {
            found[at] = number;
        }
    }
    Some(found)
}

impl Naive {
    /// The longest prefix with limits, by looking at every node.
    fn quota_of(&self, path: &str) -> Option<String> {
        let limits =
            self.nodes.keys().filter_map(|key| key.strip_prefix(HOME)?.strip_suffix("/zookeeper_limits"));
        let prefixes = limits.filter(|prefix| !prefix.is_empty() && is_at_or_below(path, prefix));
        prefixes.max_by_key(|prefix| prefix.len()).map(str::to_owned)
    }

    fn numbers(&self, prefix: &str, name: &str) -> Option<[i64; 4]> {
        parse(self.nodes.get(&format!("{HOME}{prefix}/{name}"))?.data.as_ref()?)
    }

    pub fn check_quota(&mut self, path: &str, growth: Growth) -> Result<(), ErrorCode> {
        let Some(prefix) = self.quota_of(path).filter(|_| self.enforce_quotas) else { return Ok(()) };
        let (limits, usage) =
            (self.numbers(&prefix, "zookeeper_limits"), self.numbers(&prefix, "zookeeper_stats"));
        let (Some(limits), Some(usage)) = (limits, usage) else { return Ok(()) };
        for (at, growth) in [growth.0, growth.1].into_iter().enumerate() {
            let is_beyond = |limit: i64| growth != 0 && limit >= 0 && usage[at] + growth > limit;
            if is_beyond(limits[at + 2]) {
                self.is_over_quota = true;
                return Err(ErrorCode::QuotaExceeded);
            }
            self.is_over_quota |= limits[at + 2] < 0 && is_beyond(limits[at]);
        }
        Ok(())
    }

    pub fn count_usage(&mut self, path: &str, growth: Growth) {
        let Some(prefix) = self.quota_of(path) else { return };
        if let Some(usage) = self.numbers(&prefix, "zookeeper_stats") {
            self.show_usage(&prefix, (usage[0] + growth.0, usage[1] + growth.1));
        }
    }

    pub fn begin_usage(&mut self, path: &str) {
        let prefix = path.strip_prefix(HOME).and_then(|rest| rest.strip_suffix("/zookeeper_stats"));
        if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
            self.show_usage(prefix, self.recount(prefix));
        }
    }

    fn recount(&self, prefix: &str) -> Growth {
        let below = self.nodes.iter().filter(|(path, _)| is_at_or_below(path, prefix));
        below.fold((0, 0), |(count, bytes), (_, node)| {
            (count + 1, bytes + node.data.as_ref().map_or(0, Vec::len) as i64)
        })
    }

    fn show_usage(&mut self, prefix: &str, (count, bytes): Growth) {
        let node = self.nodes.get_mut(&format!("{HOME}{prefix}/zookeeper_stats")).unwrap();
        node.data = Some(format!("count={count},bytes={bytes}").into_bytes());
    }
}

fn touches_system_nodes(command: &Command) -> bool {
    let system = |path: &Text| path.starts_with("/zookeeper");
    let part = |part: &SubOperation| match part {
        SubOperation::Create(create) => system(&create.path),
        SubOperation::Delete(delete) => system(&delete.path),
        SubOperation::SetData(set) => system(&set.path),
        SubOperation::Check(_) => false,
    };
    match &command.operation {
        Operation::Create(create) => system(&create.path),
        Operation::Delete(delete) => system(&delete.path),
        Operation::SetData(set) => system(&set.path),
        Operation::SetAcl(set) => system(&set.path),
        Operation::Ensure(ensure) => system(&ensure.path),
        Operation::Multi(parts) => parts.iter().any(part),
        _ => false,
    }
}

#[test]
fn usage_is_what_a_recount_finds_as_long_as_nobody_writes_it() {
    let mut largest = 0;
    for_each_script(150, |steps, coverage: &mut Coverage| {
        let mut pair = Pair::new();
        for path in ["/a", "/a/b", "/a/b/c", "/a/s-", "/a/d"] {
            pair.run(&Step::create(path), coverage);
        }
        let limits = "count=-1,bytes=-1=;byteHardLimit=200;countHardLimit=12";
        pair.run(&Step::set_quota("/a", limits), coverage);
        for step in steps {
            if !matches!(step, Step::Command { .. }) || !touches_system_nodes(&step.resolve(&pair.naive).0) {
                pair.run(step, coverage);
            }
            let shown = pair.tree.data("/zookeeper/quota/a/zookeeper_stats", &[]).unwrap();
            let (count, bytes) = pair.naive.recount("/a");
            let shown = String::from_utf8(shown.data.unwrap().to_vec()).unwrap();
            assert_eq!(shown, format!("count={count},bytes={bytes}"));
            largest = largest.max(count);
        }
    });
    assert!(largest > 7, "no script put more than {largest} nodes below the quota");
}
