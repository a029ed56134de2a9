//! The extensions in the model, made of the operations that they stand for.

use tree::{Create, CreateMode, Delete, DeleteRecursive, Ensure, ErrorCode, Extent, Identity, Reply, Text};

use super::agreement::assert_same_state;
use super::naive::{Answer, Naive, Triggers, require, valid_path};
use super::script::Step;
use super::{Pair, access, for_each_script};

/// Whether paths are within a limit.
fn require_extent(paths: &[String], limit: Extent) -> Result<(), ErrorCode> {
    let bytes: usize = paths.iter().map(String::len).sum();
    let is_within = paths.len() <= limit.znodes as usize && bytes <= limit.path_bytes as usize;
    require(is_within, ErrorCode::TooManyZnodes)
}

impl Naive {
    /// Deletes one by one, or, if one fails, none.
    pub fn delete_recursive(
        &mut self,
        delete: &DeleteRecursive,
        who: &[Identity],
        triggers: &mut Triggers,
    ) -> Answer {
        let path = delete.path.as_str();
        require(path.contains('/') && !path.contains('\0'), ErrorCode::BadArguments)?;
        require(path != "/" && !format!("{path}/").starts_with("/zookeeper/"), ErrorCode::BadArguments)?;
        self.require_access(&path[..path.rfind('/').unwrap()], 8, who)?;
        let version = self.nodes.get(path).ok_or(ErrorCode::NoNode)?.stat.version;
        require(delete.version == -1 || delete.version == version, ErrorCode::BadVersion)?;
        let doomed = self.leaves_first(path);
        require_extent(&doomed, delete.limit)?;
        let before = self.clone();
        for path in &doomed {
            let one = Delete { path: Text::from(path.as_str()), version: -1 };
            if let Err(error) = self.delete(&one, who, triggers) {
                *self = before;
                triggers.clear();
                return Err(error);
            }
        }
        Ok(Reply::DeletedAll { znodes: doomed.len() as u32 })
    }

    fn leaves_first(&self, path: &str) -> Vec<String> {
        let children = self.children(path).into_iter();
        let mut paths: Vec<_> =
            children.flat_map(|name| self.leaves_first(&format!("{path}/{name}"))).collect();
        paths.push(path.to_owned());
        paths
    }

    /// Creates one by one; only the first create asks for a permission.
    pub fn ensure(&mut self, ensure: &Ensure, who: &[Identity], triggers: &mut Triggers) -> Answer {
        let path = ensure.path.as_str();
        require(valid_path(path), ErrorCode::BadArguments)?;
        let acl = access::complete(&ensure.acl, who)?;
        if self.nodes.contains_key(path) {
            self.require_access(path, 1, who)?;
            return Ok(Reply::Ensured { created: false, stat: self.stat(path) });
        }
        let ends = (1..path.len()).filter(|at| path.as_bytes()[*at] == b'/').chain([path.len()]);
        let paths = ends.map(|end| path[..end].to_owned());
        let missing: Vec<_> = paths.filter(|path| !self.nodes.contains_key(path)).collect();
        require(missing.len() == 1 || ensure.parents, ErrorCode::NoNode)?;
        require_extent(&missing, ensure.limit)?;
        self.require_access(&missing[0][..missing[0].rfind('/').unwrap()], 4, who)?;
        let before = self.clone();
        for at in &missing {
            let data = if at == path { ensure.data.clone() } else { Some(bytes::Bytes::new()) };
            let mode = CreateMode::Persistent;
            let create = Create { path: at.as_str().into(), data, acl: acl.clone(), mode, want_stat: true };
            match self.create(&create, 0, &[Identity::super_user()], triggers) {
                Ok(Reply::Created { stat: Some(stat), .. }) if at == path => {
                    return Ok(Reply::Ensured { created: true, stat });
                }
                Ok(_) => {}
                Err(error) => {
                    *self = Self { is_over_quota: self.is_over_quota, ..before };
                    triggers.clear();
                    return Err(error);
                }
            }
        }
        unreachable!("the last that is missing is the znode itself")
    }
}

#[test]
fn a_family_below_a_quota_goes_as_if_one_by_one() {
    let coverage = for_each_script(150, |steps, coverage| {
        let mut pair = Pair::new();
        for path in ["/a", "/a/b", "/a/b/c", "/a/b/s-", "/a/b/c/b", "/a/d"] {
            pair.run(&Step::create(path), coverage);
        }
        pair.run(
            &Step::set_quota("/a/b", "count=-1,bytes=-1=;byteHardLimit=200;countHardLimit=12"),
            coverage,
        );
        for step in steps {
            pair.run(step, coverage);
            assert_same_state(&pair.tree, &pair.naive);
        }
    });
    coverage.assert_families_were_deleted();
}
