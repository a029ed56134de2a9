package main

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/go-zookeeper/zk"
)

// counter: of those who write over the same version one succeeds, and what was acknowledged stays.
type counter struct {
	made    sync.Map
	counted atomic.Int64
	unknown atomic.Int64
}

func (*counter) name() string    { return "counter" }
func (*counter) contenders() int { return 3 }

func (c *counter) prepare(t *trial) {
	t.create(c.path(t), "0")
}

func (c *counter) round(t *trial, contender int) {
	data, stat, err := t.conn.Get(c.path(t))
	t.must(err)
	value, err := strconv.Atoi(string(data))
	t.must(err)
	t.equal(int(stat.Version), value)
	written, err := t.conn.Set(c.path(t), []byte(strconv.Itoa(value+1)), stat.Version)
	switch {
	case err == nil:
		t.equal(int(written.Version), value+1)
		c.counted.Add(1)
		if other, twice := c.made.LoadOrStore(value+1, contender); twice {
			t.finding(fmt.Sprintf("contenders %d and %v both made %d", other, contender, value+1))
		}
	case errors.Is(err, zk.ErrBadVersion):
		// Another was faster.
	case isConnectionLoss(err):
		c.unknown.Add(1)
		t.must(err)
	default:
		t.must(err)
	}
}

func (c *counter) finish(t *trial) {
	_, err := t.conn.Sync(t.folder)
	t.must(err)
	data, stat, err := t.conn.Get(c.path(t))
	t.must(err)
	value := int64(stat.Version)
	if counted, unknown := c.counted.Load(), c.unknown.Load(); value < counted || value > counted+unknown {
		t.finding(fmt.Sprintf("version %d after %d increments, %d more are unknown", value, counted, unknown))
	}
	t.hold(c.path(t), string(data))
}

func (*counter) path(t *trial) string {
	return t.folder + "/number"
}
