// Drives servers with go-zookeeper/zk: all scenarios at once, each with several connections, for as long as standard
// input stays open. Whoever started this program kills servers meanwhile. Writes JSON, an object a line: again and again
// how many rounds each scenario has done, and at the end a verdict for each.
//
// Usage: interop HOSTS SCENARIO...
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const reportEvery = 50 * time.Millisecond

func scenarios() []scenario {
	return []scenario{
		&operations{},
		&multi{},
		&watches{},
		&access{},
		&lock{},
		&counter{},
		&attached{},
		&words{},
	}
}

func main() {
	if err := run(strings.Split(os.Args[1], ","), os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(hosts, names []string) error {
	site := newSite(hosts)
	defer site.close()
	var runners []*runner
	for _, name := range names {
		chosen := find(name)
		if chosen == nil {
			return fmt.Errorf("no scenario %s", name)
		}
		r, err := start(site, chosen)
		if err != nil {
			return fmt.Errorf("prepare %s: %w", name, err)
		}
		runners = append(runners, r)
	}
	out := json.NewEncoder(os.Stdout)
	for ended := endOfInput(); ; {
		if err := out.Encode(map[string]any{"rounds": rounds(runners)}); err != nil {
			return err
		}
		select {
		case <-ended:
			site.stop()
			for _, r := range runners {
				if err := out.Encode(r.verdict()); err != nil {
					return err
				}
			}
			return nil
		case <-time.After(reportEvery):
		}
	}
}

func find(name string) scenario {
	for _, each := range scenarios() {
		if each.name() == name {
			return each
		}
	}
	return nil
}

func rounds(runners []*runner) map[string]int64 {
	counts := make(map[string]int64)
	for _, r := range runners {
		counts[r.scenario.name()] = r.rounds.Load()
	}
	return counts
}

func endOfInput() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return ended
}
