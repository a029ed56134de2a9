package main

import (
	"time"

	"github.com/go-zookeeper/zk"
)

const wordTimeout = 5 * time.Second

// words: the library's readers of four-letter words, which every server must answer. Not srvr: the library expects the
// date of an older ZooKeeper than 3.9 in it.
type words struct{}

func (*words) name() string    { return "words" }
func (*words) contenders() int { return 1 }
func (*words) prepare(*trial)  {}
func (*words) finish(*trial)   {}

func (w *words) round(t *trial, _ int) {
	hosts := t.site.hosts
	for _, ok := range zk.FLWRuok(hosts, wordTimeout) {
		t.equal(ok, true)
	}
	w.clients(t, hosts)
	time.Sleep(10 * time.Millisecond)
}

// clients: each session is at one server. The connection that asks has none, which the library takes for an error of
// the whole and not of the server.
func (*words) clients(t *trial, hosts []string) {
	servers, _ := zk.FLWCons(hosts, wordTimeout)
	found := 0
	for _, server := range servers {
		t.must(server.Error)
		for _, client := range server.Clients {
			if client.SessionID == t.conn.SessionID() {
				found++
				t.equal(client.Timeout, int32(sessionTimeout.Milliseconds()))
			}
		}
	}
	t.equal(found, 1)
}
