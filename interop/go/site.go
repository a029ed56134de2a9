package main

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

const sessionTimeout = 10 * time.Second

// site is where the scenarios run: the servers, and a long-lived connection that prefers each.
type site struct {
	hosts   []string
	base    string
	conns   []*zk.Conn
	broken  atomic.Int64
	expired atomic.Int64
	stopped atomic.Bool
}

func newSite(hosts []string) *site {
	s := &site{hosts: hosts, base: fmt.Sprintf("/go-%d", time.Now().UnixNano())}
	for number := 0; number < 3; number++ {
		s.conns = append(s.conns, s.connect(number))
	}
	return s
}

// connect opens a session of the caller's own, at the server of that number as long as it is there.
func (s *site) connect(number int) *zk.Conn {
	conn, _, err := zk.Connect(
		s.hosts,
		sessionTimeout,
		zk.WithHostProvider(&inOrder{hosts: s.hosts, next: number % len(s.hosts)}),
		zk.WithEventCallback(s.note),
		zk.WithLogInfo(false),
	)
	if err != nil {
		// Only an empty list of servers is refused.
		panic(err)
	}
	return conn
}

func (s *site) conn(number int) *zk.Conn {
	return s.conns[number%len(s.conns)]
}

// note counts what befalls connections.
func (s *site) note(event zk.Event) {
	if event.Type != zk.EventSession || s.stopped.Load() {
		return
	}
	switch event.State {
	case zk.StateDisconnected, zk.StateConnecting:
		s.broken.Add(1)
	case zk.StateExpired:
		s.expired.Add(1)
	}
}

// waitBroken tells whether a connection was lost since the count was `before`. A failed write is heard of a moment
// before the library takes the connection for lost.
func (s *site) waitBroken(before int64) bool {
	for deadline := time.Now().Add(time.Second); s.broken.Load() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func (s *site) stop() {
	s.stopped.Store(true)
}

func (s *site) close() {
	for _, conn := range s.conns {
		conn.Close()
	}
}

// inOrder tries servers in the order given: the library's own provider shuffles them, and a killed server might have
// had no client at all.
type inOrder struct {
	hosts []string
	next  int
	tried int
}

func (p *inOrder) Init([]string) error {
	return nil
}

func (p *inOrder) Len() int {
	return len(p.hosts)
}

func (p *inOrder) Next() (server string, retryStart bool) {
	server = p.hosts[p.next]
	p.next = (p.next + 1) % len(p.hosts)
	p.tried++
	return server, p.tried > len(p.hosts)
}

func (p *inOrder) Connected() {
	p.tried = 0
}
