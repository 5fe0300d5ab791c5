package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Begin claims a directory for a run and records it as running. ErrCacheExists, with what is there and what to do, for a directory that
// is a cache, holds what another run left, or holds files that are none of a cache's.
func Begin(ctx context.Context, st storage.Store, run schemas.Run) error {
	if err := checkRun(run.ID); err != nil {
		return fmt.Errorf("cache: begin: %w", err)
	}
	run.State, run.Why = schemas.RunRunning, ""
	record, err := encode(run)
	if err != nil {
		return fmt.Errorf("cache: begin run %s: %w", run.ID, err)
	}
	if _, err := st.Stat(ctx, manifestName); err == nil {
		return fmt.Errorf("cache: %w: %s is a cache already; name another directory, or remove this one to make it anew", ErrCacheExists, st.URL(""))
	} else if !errors.Is(err, storage.ErrNotExist) {
		return fmt.Errorf("cache: begin: %w", err)
	}
	objects, err := st.List(ctx, "")
	if err != nil {
		return fmt.Errorf("cache: begin: %w", err)
	}
	ours := func(name string) bool {
		return slices.ContainsFunc(folders, func(f string) bool { return strings.HasPrefix(name, f) })
	}
	for _, o := range objects {
		switch {
		case o.Name == LockName:
		case o.Name == runPath(run.ID):
			// The same record is a retry of this Begin; another is a second run of that id.
			old, err := get(ctx, st, o.Name)
			if err != nil {
				return fmt.Errorf("cache: begin: %w", err)
			}
			if !bytes.Equal(old, record) {
				return fmt.Errorf("cache: %w: %s has a run %s already; give this run an id of its own", ErrCacheExists, st.URL(""), run.ID)
			}
		case ours(o.Name):
			return leftovers(ctx, st, o.Name)
		default:
			return fmt.Errorf("cache: %w: %s holds %s, which is no part of a cache; name an empty or a new directory", ErrCacheExists, st.URL(""), o.Name)
		}
	}
	err = put(ctx, st, runPath(run.ID), record, storage.IfAbsent)
	if err != nil && !errors.Is(err, storage.ErrExist) {
		return fmt.Errorf("cache: begin run %s: %w", run.ID, err)
	}
	return nil
}

// leftovers says which run left a file in a directory that is not yet a cache.
func leftovers(ctx context.Context, st storage.Store, found string) error {
	runs, err := readRuns(ctx, st)
	if err != nil {
		return fmt.Errorf("cache: begin: %w", err)
	}
	what := "the file " + found
	if len(runs) > 0 {
		r := runs[len(runs)-1]
		what = fmt.Sprintf("what the run %s left (%s, started %s by process %d on %s)", r.ID, r.State, r.Started.UTC().Format(time.RFC3339), r.Owner.PID, r.Owner.Host)
		if r.Why != "" {
			what += ": " + r.Why
		}
	}
	return fmt.Errorf("cache: %w: %s holds %s; if that run is over, remove the directory, else let it finish or name another directory", ErrCacheExists, st.URL(""), what)
}

// Fail records a run as failed and why. Its parts stay where they are. The record of a run that is done is left alone: the manifest has
// its rows, whatever went wrong afterwards.
func Fail(ctx context.Context, st storage.Store, run schemas.Run, why error) error {
	if err := checkRun(run.ID); err != nil {
		return fmt.Errorf("cache: fail: %w", err)
	}
	var old schemas.Run
	err := getJSON(ctx, st, runPath(run.ID), &old)
	if err == nil && old.State == schemas.RunDone {
		return nil
	}
	if err != nil && !errors.Is(err, storage.ErrNotExist) && !errors.Is(err, ErrDamaged) {
		return fmt.Errorf("cache: fail run %s: %w", run.ID, err)
	}
	run.State, run.Why = schemas.RunFailed, why.Error()
	if run.Finished.IsZero() {
		run.Finished = now()
	}
	if err := putJSON(ctx, st, runPath(run.ID), run); err != nil {
		return fmt.Errorf("cache: fail run %s: %w", run.ID, err)
	}
	return nil
}

// now is the time that records carry: to the second, in UTC.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// readRuns returns the records of the runs of a directory, by id, which is by time.
func readRuns(ctx context.Context, st storage.Store) ([]schemas.Run, error) {
	objects, err := st.List(ctx, "runs/")
	if err != nil {
		return nil, err
	}
	var out []schemas.Run
	for _, o := range objects {
		var r schemas.Run
		if err := getJSON(ctx, st, o.Name, &r); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// An Overview is what is in a directory, be it a cache or not yet.
type Overview struct {
	Digest   string           // of the newest snapshot; "" while the directory is not a cache
	Manifest schemas.Manifest // zero while the directory is not a cache
	Views    []schemas.View   // oldest first
	Runs     []schemas.Run    // by id, which is by time
	Staged   []Leftover       // by run
}

// A Leftover is what a run has below tmp/ and did not commit, or not yet.
type Leftover struct {
	Run   string
	Files int
	Bytes int64
}

// Status says what is in a directory. It is no error if that is no cache; ErrDamaged if what is there cannot be read.
func Status(ctx context.Context, st storage.Store) (Overview, error) {
	var o Overview
	s, err := open(ctx, st)
	switch {
	case err == nil:
		o.Digest, o.Manifest = s.digest, s.manifest
		o.Views = s.views
	case !errors.Is(err, ErrNoCache):
		return o, err
	}
	if o.Runs, err = readRuns(ctx, st); err != nil {
		return o, fmt.Errorf("cache: status: %w", err)
	}
	staged, err := st.List(ctx, "tmp/")
	if err != nil {
		return o, fmt.Errorf("cache: status: %w", err)
	}
	for _, f := range staged {
		run, _, ok := strings.Cut(strings.TrimPrefix(f.Name, "tmp/"), "/")
		if !ok {
			continue
		}
		if n := len(o.Staged); n == 0 || o.Staged[n-1].Run != run {
			o.Staged = append(o.Staged, Leftover{Run: run})
		}
		last := &o.Staged[len(o.Staged)-1]
		last.Files++
		last.Bytes += f.Size
	}
	return o, nil
}
