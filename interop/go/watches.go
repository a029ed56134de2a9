package main

import "github.com/go-zookeeper/zk"

// watches: each fires once, in its order, also when the connection is lost between the watch and the change.
type watches struct{}

func (*watches) name() string    { return "watches" }
func (*watches) contenders() int { return 2 }
func (*watches) prepare(*trial)  {}
func (*watches) finish(*trial)   {}

func (w *watches) round(t *trial, contender int) {
	path := t.path()
	watcher := t.site.conn(contender + 1)

	_, _, created, err := watcher.ExistsW(path)
	t.must(err)
	t.create(path, "0")
	t.event(created, zk.EventNodeCreated, path)

	w.sync(t, watcher, path)
	_, _, changed, err := watcher.GetW(path)
	t.must(err)
	_, err = t.conn.Set(path, []byte("1"), 0)
	t.must(err)
	_, err = t.conn.Set(path, []byte("2"), 1)
	t.must(err)
	t.event(changed, zk.EventNodeDataChanged, path)
	_, open := <-changed
	t.equal(open, false)

	w.sync(t, watcher, path)
	_, _, children, err := watcher.ChildrenW(path)
	t.must(err)
	t.create(path+"/child", "")
	t.event(children, zk.EventNodeChildrenChanged, path)

	t.must(t.conn.Delete(path+"/child", 0))
	w.sync(t, watcher, path)
	_, _, gone, err := watcher.GetW(path)
	t.must(err)
	_, _, childless, err := watcher.ChildrenW(path)
	t.must(err)
	t.must(t.conn.Delete(path, 2))
	t.event(gone, zk.EventNodeDeleted, path)
	t.event(childless, zk.EventNodeDeleted, path)
}

// sync brings the watcher's server to what the other connection has written.
func (*watches) sync(t *trial, watcher *zk.Conn, path string) {
	if _, err := watcher.Sync(path); err != nil {
		t.fail(err)
	}
}
