package main

import "github.com/go-zookeeper/zk"

// access: ACLs of digests. Who has shown a password stays known when the client connects to another server.
type access struct {
	owner *zk.Conn
}

func (*access) name() string    { return "access" }
func (*access) contenders() int { return 1 }

func (a *access) prepare(t *trial) {
	a.owner = t.site.connect(1)
	t.must(a.owner.AddAuth("digest", []byte("alice:secret")))
}

func (a *access) finish(*trial) {
	a.owner.Close()
}

func (a *access) round(t *trial, _ int) {
	path := t.path()
	only := zk.DigestACL(zk.PermAll, "alice", "secret")
	_, err := a.owner.Create(path, []byte("hers"), zk.FlagPersistent, only)
	t.must(err)
	_, err = t.conn.Sync(path)
	t.must(err)

	_, _, err = t.conn.Get(path)
	t.refused(err, zk.ErrNoAuth)
	_, err = t.conn.Set(path, nil, -1)
	t.refused(err, zk.ErrNoAuth)
	_, err = t.conn.Create(path+"/child", nil, zk.FlagPersistent, anyone)
	t.refused(err, zk.ErrNoAuth)

	data, _, err := a.owner.Get(path)
	t.must(err)
	t.equal(string(data), "hers")
	acl, stat, err := a.owner.GetACL(path)
	t.must(err)
	t.equal(acl, only)
	stat, err = a.owner.SetACL(path, zk.WorldACL(zk.PermRead), stat.Aversion)
	t.must(err)
	t.equal(stat.Aversion, int32(1))
	_, err = t.conn.Sync(path)
	t.must(err)
	_, _, err = t.conn.Get(path)
	t.must(err)
	_, err = a.owner.Set(path, nil, -1)
	t.refused(err, zk.ErrNoAuth)
	_, err = a.owner.SetACL(path, nil, -1)
	t.refused(err, zk.ErrInvalidACL)
	t.must(a.owner.Delete(path, -1))
}
