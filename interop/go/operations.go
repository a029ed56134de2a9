package main

import (
	"sort"
	"time"

	"github.com/go-zookeeper/zk"
)

// operations: every request but transactions and ACLs, with what they say in their Stat and the errors that they end with.
type operations struct{}

func (*operations) name() string    { return "operations" }
func (*operations) contenders() int { return 2 }
func (*operations) prepare(*trial)  {}
func (*operations) finish(*trial)   {}

func (o *operations) round(t *trial, _ int) {
	path := t.path()
	o.data(t, path)
	o.children(t, path)
	o.kinds(t, path)
	t.refused(t.conn.Delete(path, -1), zk.ErrNotEmpty)
	o.remove(t, path)
	exists, _, err := t.conn.Exists(path)
	t.must(err)
	t.equal(exists, false)
}

func (*operations) data(t *trial, path string) {
	before := time.Now().Add(-time.Minute).UnixMilli()
	t.create(path, "one")
	data, created, err := t.conn.Get(path)
	t.must(err)
	t.equal(string(data), "one")
	want := zk.Stat{Czxid: created.Czxid, Mzxid: created.Czxid, Pzxid: created.Czxid, Ctime: created.Ctime, Mtime: created.Ctime, DataLength: 3}
	t.equal(*created, want)
	t.equal(created.Ctime > before, true)

	written, err := t.conn.Set(path, []byte("other"), 0)
	t.must(err)
	want = *created
	want.Version, want.Mzxid, want.Mtime, want.DataLength = 1, written.Mzxid, written.Mtime, 5
	t.equal(*written, want)
	t.equal(written.Mzxid > created.Mzxid, true)

	_, err = t.conn.Set(path, nil, 0)
	t.refused(err, zk.ErrBadVersion)
	t.refused(t.conn.Delete(path, 7), zk.ErrBadVersion)
	_, err = t.conn.Create(path, nil, zk.FlagPersistent, anyone)
	t.refused(err, zk.ErrNodeExists)
	_, _, err = t.conn.Get(path + "/missing")
	t.refused(err, zk.ErrNoNode)
	_, err = t.conn.Create(path+"/missing/child", nil, zk.FlagPersistent, anyone)
	t.refused(err, zk.ErrNoNode)
}

func (*operations) children(t *trial, path string) {
	numbered, err := t.conn.Create(path+"/s-", nil, zk.FlagSequence, anyone)
	t.must(err)
	t.equal(numbered, path+"/s-0000000000")
	mine, err := t.conn.Create(path+"/e-", []byte("mine"), zk.FlagEphemeralSequential, anyone)
	t.must(err)
	t.equal(mine, path+"/e-0000000001")
	_, err = t.conn.Create(mine+"/child", nil, zk.FlagPersistent, anyone)
	t.refused(err, zk.ErrNoChildrenForEphemerals)
	_, stat, err := t.conn.Exists(mine)
	t.must(err)
	t.equal(stat.EphemeralOwner, t.conn.SessionID())

	names, stat, err := t.conn.Children(path)
	t.must(err)
	sort.Strings(names)
	t.equal(names, []string{"e-0000000001", "s-0000000000"})
	t.equal([]int32{stat.NumChildren, stat.Cversion, stat.Version}, []int32{2, 2, 1})
	_, err = t.conn.Sync(path)
	t.must(err)
}

func (*operations) kinds(t *trial, path string) {
	container, err := t.conn.CreateContainer(path+"/container", nil, zk.FlagContainer, anyone)
	t.must(err)
	t.equal(container, path+"/container")
	living, err := t.conn.CreateTTL(container+"/t-", []byte("t"), zk.FlagPersistentSequentialWithTTL, anyone, time.Hour)
	t.must(err)
	t.equal(living, container+"/t-0000000000")
	data, stat, err := t.conn.Get(living)
	t.must(err)
	t.equal(string(data), "t")
	t.equal(stat.EphemeralOwner, int64(0))
}

func (o *operations) remove(t *trial, path string) {
	names, _, err := t.conn.Children(path)
	t.must(err)
	for _, name := range names {
		o.remove(t, path+"/"+name)
	}
	t.must(t.conn.Delete(path, -1))
}
