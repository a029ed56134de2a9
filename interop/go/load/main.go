// As many requests as go-zookeeper/zk and a server manage, on several sessions with several requests outstanding each.
//
// Usage: load HOSTS get|set SESSIONS OUTSTANDING BYTES WARM_UP_SECONDS SECONDS
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

const sessionTimeout = 10 * time.Second

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 7 {
		return fmt.Errorf("usage: load HOSTS get|set SESSIONS OUTSTANDING BYTES WARM_UP_SECONDS SECONDS")
	}
	var numbers [5]float64
	for at := range numbers {
		number, err := strconv.ParseFloat(arguments[2+at], 64)
		if err != nil {
			return err
		}
		numbers[at] = number
	}
	sessions, outstanding := int(numbers[0]), int(numbers[1])
	data := bytes.Repeat([]byte("x"), int(numbers[2]))
	writes := arguments[1] == "set"
	var answers atomic.Int64
	failed := make(chan error)
	for number := 0; number < sessions; number++ {
		conn, _, err := zk.Connect(strings.Split(arguments[0], ","), sessionTimeout, zk.WithLogInfo(false))
		if err != nil {
			return err
		}
		path, err := conn.Create(fmt.Sprintf("/load-go-%d-", number), data, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
		if err != nil {
			return err
		}
		for task := 0; task < outstanding; task++ {
			go func() {
				for {
					var err error
					if writes {
						_, err = conn.Set(path, data, -1)
					} else {
						_, _, err = conn.Get(path)
					}
					if err != nil {
						failed <- err
						return
					}
					answers.Add(1)
				}
			}()
		}
	}
	if err := wait(numbers[3], failed); err != nil {
		return err
	}
	before, began := answers.Load(), time.Now()
	if err := wait(numbers[4], failed); err != nil {
		return err
	}
	fmt.Printf("{\"ops_per_sec\":%.0f}\n", float64(answers.Load()-before)/time.Since(began).Seconds())
	return nil
}

func wait(seconds float64, failed <-chan error) error {
	select {
	case err := <-failed:
		return err
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		return nil
	}
}
