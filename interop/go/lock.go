package main

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/go-zookeeper/zk"
)

const lockContenders = 4

// lock: the library's Lock. Its holders never overlap, and a counter that only they write, without looking at its
// version, loses no increment.
//
// A Lock whose call fails may leave its znode behind, which nobody takes away as long as the session lives. So a
// contender whose round was disturbed ends its session.
type lock struct {
	conns   [lockContenders]*zk.Conn
	inside  atomic.Int64
	counted atomic.Int64
	unknown atomic.Int64
}

func (*lock) name() string    { return "lock" }
func (*lock) contenders() int { return lockContenders }

func (l *lock) prepare(t *trial) {
	t.create(l.counter(t), "0")
	for contender := range l.conns {
		l.conns[contender] = t.site.connect(contender)
	}
}

func (l *lock) round(t *trial, contender int) {
	done := false
	defer func() {
		if !done {
			l.conns[contender].Close()
			l.conns[contender] = t.site.connect(contender)
		}
	}()
	conn := l.conns[contender]
	mine := zk.NewLock(conn, t.folder+"/lock", anyone)
	t.must(mine.Lock())
	if inside := l.inside.Add(1); inside != 1 {
		t.finding(fmt.Sprintf("%d held the lock", inside))
	}
	err := l.count(conn, l.counter(t))
	l.inside.Add(-1)
	t.must(err)
	t.must(mine.Unlock())
	done = true
}

func (l *lock) count(conn *zk.Conn, path string) error {
	data, _, err := conn.Get(path)
	if err != nil {
		return err
	}
	value, err := strconv.Atoi(string(data))
	if err != nil {
		return err
	}
	_, err = conn.Set(path, []byte(strconv.Itoa(value+1)), -1)
	if isConnectionLoss(err) {
		l.unknown.Add(1)
	} else if err == nil {
		l.counted.Add(1)
	}
	return err
}

func (l *lock) finish(t *trial) {
	for _, conn := range l.conns {
		conn.Close()
	}
	_, err := t.conn.Sync(t.folder)
	t.must(err)
	data, _, err := t.conn.Get(l.counter(t))
	t.must(err)
	value, err := strconv.ParseInt(string(data), 10, 64)
	t.must(err)
	if counted, unknown := l.counted.Load(), l.unknown.Load(); value < counted || value > counted+unknown {
		t.finding(fmt.Sprintf("the counter is %d after %d increments, %d more are unknown", value, counted, unknown))
	}
	t.hold(l.counter(t), string(data))
}

func (*lock) counter(t *trial) string {
	return t.folder + "/counter"
}
