package main

import "github.com/go-zookeeper/zk"

// multi: a transaction is all or nothing, and says what came of each part.
type multi struct{}

func (*multi) name() string    { return "multi" }
func (*multi) contenders() int { return 1 }
func (*multi) prepare(*trial)  {}
func (*multi) finish(*trial)   {}

func (*multi) round(t *trial, _ int) {
	path := t.path()
	results, err := t.conn.Multi(
		&zk.CreateRequest{Path: path, Data: []byte("1"), Acl: anyone},
		&zk.CreateRequest{Path: path + "/s-", Acl: anyone, Flags: zk.FlagEphemeralSequential},
		&zk.SetDataRequest{Path: path, Data: []byte("2"), Version: 0},
		&zk.CheckVersionRequest{Path: path, Version: 1},
		&zk.DeleteRequest{Path: path + "/s-0000000000", Version: 0},
	)
	t.must(err)
	t.equal(len(results), 5)
	t.equal([]string{results[0].String, results[1].String}, []string{path, path + "/s-0000000000"})
	t.equal(results[2].Stat.Version, int32(1))

	results, err = t.conn.Multi(
		&zk.SetDataRequest{Path: path, Data: []byte("3"), Version: -1},
		&zk.CheckVersionRequest{Path: path, Version: 7},
		&zk.DeleteRequest{Path: path, Version: -1},
	)
	t.refused(err, zk.ErrBadVersion)
	t.equal(len(results), 3)
	t.equal([]error{results[0].Error, results[1].Error}, []error{nil, zk.ErrBadVersion})

	data, stat, err := t.conn.Get(path)
	t.must(err)
	t.equal(string(data), "2")
	t.equal([]int32{stat.Version, stat.NumChildren, stat.Cversion}, []int32{1, 0, 2})
	t.must(t.conn.Delete(path, 1))
}
