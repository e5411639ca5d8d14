// One member of a cluster of hashicorp/raft with BoltDB over TCP, told what to do by its parent:
// the same conversation as ../worker.ts has.
//
//	hashicorp-raft NAME DIRECTORY NAME=HOST:PORT,...
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb"
)

// counter counts, and keeps nothing.
type counter struct{ applied uint64 }

func (c *counter) Apply(*raft.Log) interface{} {
	c.applied++
	return c.applied
}

func (c *counter) Snapshot() (raft.FSMSnapshot, error) {
	return snapshot(strconv.FormatUint(c.applied, 10)), nil
}

func (c *counter) Restore(from io.ReadCloser) error {
	defer from.Close()
	bytes, err := io.ReadAll(from)
	if err == nil {
		c.applied, err = strconv.ParseUint(string(bytes), 10, 64)
	}
	return err
}

type snapshot string

func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write([]byte(s)); err != nil {
		sink.Cancel()
		return err
	}
	return sink.Close()
}

func (s snapshot) Release() {}

type ask struct {
	Type     string  `json:"type"`
	InFlight int     `json:"inFlight"`
	Bytes    int     `json:"bytes"`
	Seconds  float64 `json:"seconds"`
	CountMax int64   `json:"countMax"`
}

type answer map[string]interface{}

const latenciesMax = 100_000

// drive keeps inFlight writes under way until the time is over or enough are done.
func drive(node *raft.Raft, load ask) answer {
	command := make([]byte, load.Bytes)
	var begun, done int64
	var mutex sync.Mutex
	var tookMs []float64
	start := time.Now()
	end := start.Add(time.Duration(load.Seconds * float64(time.Second)))
	var lanes sync.WaitGroup
	for lane := 0; lane < load.InFlight; lane++ {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			for time.Now().Before(end) && atomic.AddInt64(&begun, 1) <= load.CountMax {
				began := time.Now()
				if err := node.Apply(command, 0).Error(); err != nil {
					log.Fatal(err)
				}
				atomic.AddInt64(&done, 1)
				mutex.Lock()
				if len(tookMs) < latenciesMax {
					tookMs = append(tookMs, float64(time.Since(began))/1e6)
				}
				mutex.Unlock()
			}
		}()
	}
	lanes.Wait()
	seconds := time.Since(start).Seconds()
	sort.Float64s(tookMs)
	return answer{"type": "done", "operations": done, "seconds": seconds, "medianMs": tookMs[len(tookMs)/2]}
}

func usage() answer {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		log.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(status))[1], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	cpu := (used.Utime.Nano() + used.Stime.Nano()) / 1000
	return answer{"type": "usage", "cpuUs": cpu, "rssBytes": pages * int64(os.Getpagesize())}
}

func open(name, directory, peers string) (*raft.Raft, error) {
	var servers []raft.Server
	var own string
	for _, peer := range strings.Split(peers, ",") {
		id, address, _ := strings.Cut(peer, "=")
		if id == name {
			own = address
		}
		servers = append(servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(address)})
	}
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(name)
	config.Logger = hclog.NewNullLogger()
	store, err := raftboltdb.NewBoltStore(filepath.Join(directory, "raft.db"))
	if err != nil {
		return nil, err
	}
	snapshots, err := raft.NewFileSnapshotStore(directory, 1, io.Discard)
	if err != nil {
		return nil, err
	}
	transport, err := raft.NewTCPTransport(own, nil, 3, 10*time.Second, io.Discard)
	if err != nil {
		return nil, err
	}
	known, err := raft.HasExistingState(store, store, snapshots)
	if err != nil {
		return nil, err
	}
	if !known {
		cluster := raft.Configuration{Servers: servers}
		if err := raft.BootstrapCluster(config, store, store, snapshots, transport, cluster); err != nil {
			return nil, err
		}
	}
	return raft.NewRaft(config, &counter{}, store, store, snapshots, transport)
}

func main() {
	node, err := open(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	say := json.NewEncoder(os.Stdout)
	for node.Leader() == "" {
		time.Sleep(time.Millisecond)
	}
	say.Encode(answer{"type": "ready"})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked ask
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		switch asked.Type {
		case "write":
			say.Encode(drive(node, asked))
		case "usage":
			say.Encode(usage())
		case "leader":
			say.Encode(answer{"type": "leader", "isLeader": node.State() == raft.Leader})
		case "close":
			node.Shutdown().Error()
			return
		}
	}
}
