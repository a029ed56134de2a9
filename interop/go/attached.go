package main

import "github.com/go-zookeeper/zk"

// attached: a session goes on at another server with its ephemeral znode, and others see both all the time.
type attached struct {
	conns []*zk.Conn
	ids   []int64
}

func (*attached) name() string    { return "attached" }
func (*attached) contenders() int { return 3 }

func (a *attached) prepare(t *trial) {
	for contender := 0; contender < a.contenders(); contender++ {
		conn := t.site.connect(contender)
		_, err := conn.Create(a.path(t, contender), nil, zk.FlagEphemeral, anyone)
		t.must(err)
		a.conns = append(a.conns, conn)
		a.ids = append(a.ids, conn.SessionID())
	}
}

func (a *attached) round(t *trial, contender int) {
	t.equal(a.conns[contender].SessionID(), a.ids[contender])
	a.owned(t, a.conns[contender], contender)
	a.owned(t, t.site.conn(contender+1), contender)
}

func (a *attached) owned(t *trial, seenBy *zk.Conn, contender int) {
	exists, stat, err := seenBy.Exists(a.path(t, contender))
	if err != nil {
		t.fail(err)
	}
	if !exists || stat.EphemeralOwner != a.ids[contender] {
		t.finding("an ephemeral znode has lost its session")
	}
}

func (a *attached) finish(t *trial) {
	for contender, conn := range a.conns {
		conn.Close()
		_, err := t.conn.Sync(t.folder)
		t.must(err)
		exists, _, err := t.conn.Exists(a.path(t, contender))
		t.must(err)
		t.equal(exists, false)
	}
}

func (*attached) path(t *trial, contender int) string {
	return t.folder + "/" + string(rune('a'+contender))
}
