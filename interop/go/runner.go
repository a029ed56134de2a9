package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	findingsMax         = 5
	pauseAfterDisturbed = 20 * time.Millisecond
)

// scenario is something that a client does over and over. A round may fail with a lost connection, and only when some
// connection was lost since it began; every other failure is wrong.
type scenario interface {
	name() string
	contenders() int
	// prepare makes what is there before the first round.
	prepare(t *trial)
	// round is one use by a contender, who has a number and a connection.
	round(t *trial, contender int)
	// finish checks what is left once all contenders have ended.
	finish(t *trial)
}

// runner runs a scenario.
type runner struct {
	site      *site
	scenario  scenario
	folder    string
	rounds    atomic.Int64
	disturbed atomic.Int64
	fresh     atomic.Int64
	threads   sync.WaitGroup

	mutex sync.Mutex
	wrong []string
	held  map[string]string
}

func start(s *site, chosen scenario) (*runner, error) {
	r := &runner{site: s, scenario: chosen, folder: s.base + "-" + chosen.name(), wrong: []string{}, held: map[string]string{}}
	if err := r.try(func(t *trial) {
		_, err := t.conn.Create(r.folder, nil, zk.FlagPersistent, anyone)
		t.must(err)
		chosen.prepare(t)
		for _, conn := range s.conns {
			_, err := conn.Sync(r.folder)
			t.must(err)
		}
	}, 0); err != nil {
		return nil, err
	}
	for contender := 0; contender < chosen.contenders(); contender++ {
		r.threads.Add(1)
		go r.contend(contender)
	}
	return r, nil
}

func (r *runner) contend(contender int) {
	defer r.threads.Done()
	for !r.site.stopped.Load() {
		broken := r.site.broken.Load()
		err := r.try(func(t *trial) { r.scenario.round(t, contender) }, contender)
		switch {
		case err == nil:
			r.rounds.Add(1)
		case isConnectionLoss(err) && r.site.waitBroken(broken):
			r.disturbed.Add(1)
			time.Sleep(pauseAfterDisturbed)
		default:
			r.finding(fmt.Sprintf("contender %d: %v", contender, err))
			return
		}
	}
}

// try does something that ends early with the first failure, which it returns.
func (r *runner) try(work func(*trial), contender int) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			failed, is := thrown.(failure)
			if !is {
				panic(thrown)
			}
			err = failed.error
		}
	}()
	work(&trial{runner: r, conn: r.site.conn(contender)})
	return nil
}

// isConnectionLoss tells the errors after which nobody knows what became of a request.
func isConnectionLoss(err error) bool {
	var network net.Error
	return errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrNoServer) || errors.As(err, &network)
}

func (r *runner) finding(what string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.wrong) < findingsMax {
		r.wrong = append(r.wrong, what)
	}
}

// verdict is what is to be said about the scenario, once the site has stopped.
func (r *runner) verdict() map[string]any {
	r.threads.Wait()
	if err := r.try(r.scenario.finish, 0); err != nil {
		r.finding(fmt.Sprintf("at the end: %v", err))
	}
	if expired := r.site.expired.Load(); expired > 0 {
		r.finding(fmt.Sprintf("%d sessions have expired", expired))
	}
	return map[string]any{
		"scenario":  r.scenario.name(),
		"rounds":    r.rounds.Load(),
		"disturbed": r.disturbed.Load(),
		"wrong":     r.wrong,
		"held":      r.held,
	}
}
