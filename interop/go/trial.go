package main

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"time"

	"github.com/go-zookeeper/zk"
)

const eventTimeout = 20 * time.Second

var anyone = zk.WorldACL(zk.PermAll)

// trial is a round under way. Its checks end the round with the first failure, as those of Go's own tests do.
type trial struct {
	*runner
	conn *zk.Conn
}

// failure is thrown by checks and caught by runner.try.
type failure struct{ error }

func (t *trial) fail(err error) {
	_, _, line, _ := runtime.Caller(2)
	panic(failure{fmt.Errorf("line %d of %s: %w", line, t.scenario.name(), err)})
}

// must goes on only without an error.
func (t *trial) must(err error) {
	if err != nil {
		t.fail(err)
	}
}

// equal goes on only if both are the same.
func (t *trial) equal(got, want any) {
	if !reflect.DeepEqual(got, want) {
		t.fail(fmt.Errorf("got %v, want %v", got, want))
	}
}

// refused goes on only if the server answered with this error.
func (t *trial) refused(err, want error) {
	switch {
	case errors.Is(err, want):
	case err == nil:
		t.fail(fmt.Errorf("went through, want %w", want))
	default:
		t.fail(fmt.Errorf("got %w, want %v", err, want))
	}
}

// event goes on only if this comes next from a watch.
func (t *trial) event(from <-chan zk.Event, kind zk.EventType, path string) {
	select {
	case event := <-from:
		if event.Type != kind || event.Path != path {
			t.fail(fmt.Errorf("got %v of %s (%v), want %v of %s", event.Type, event.Path, event.Err, kind, path))
		}
	case <-time.After(eventTimeout):
		t.fail(fmt.Errorf("no event after %v, want %v of %s", eventTimeout, kind, path))
	}
}

// path is a znode below the scenario's that nobody has used.
func (t *trial) path() string {
	return fmt.Sprintf("%s/%d", t.folder, t.fresh.Add(1))
}

// create makes a persistent znode for anyone.
func (t *trial) create(path, data string) {
	created, err := t.conn.Create(path, []byte(data), zk.FlagPersistent, anyone)
	if err != nil {
		t.fail(err)
	}
	if created != path {
		t.fail(fmt.Errorf("created %s, want %s", created, path))
	}
}

// hold says what every server must hold in the end.
func (t *trial) hold(path, data string) {
	t.held[path] = data
}
