package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func TestBegin(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		setup func(t *testing.T, st storage.Store)
		says  string // "" where Begin succeeds
	}{
		{name: "new directory"},
		{name: "the launcher's lock", files: map[string]string{cache.LockName: "process 7"}},
		{name: "a retry of itself", setup: func(t *testing.T, st storage.Store) {
			if err := cache.Begin(ctx, st, newRun("r1")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a cache", setup: func(t *testing.T, st storage.Store) { do(t, st, nil) }, says: "is a cache already"},
		{name: "another run of that id", files: map[string]string{"runs/r1.json": "{}"}, says: "give this run an id of its own"},
		{name: "another run, running", setup: func(t *testing.T, st storage.Store) {
			if err := cache.Begin(ctx, st, newRun("r0")); err != nil {
				t.Fatal(err)
			}
		}, says: "the run r0 left (running, started 2026-11-23T18:03:51Z by process 7 on here)"},
		{name: "another run, failed", setup: func(t *testing.T, st storage.Store) {
			if err := cache.Fail(ctx, st, newRun("r0"), errors.New("the disk is full")); err != nil {
				t.Fatal(err)
			}
		}, says: "the disk is full"},
		{name: "parts without a run", files: map[string]string{"values/part-x.parquet": "x"}, says: "values/part-x.parquet"},
		{name: "something else", files: map[string]string{"thesis.doc": "x"}, says: "thesis.doc, which is no part of a cache"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			for name, content := range c.files {
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			st := local(t, dir)
			if c.setup != nil {
				c.setup(t, st)
			}
			err := cache.Begin(ctx, st, newRun("r1"))
			if c.says != "" {
				wantError(t, "Begin", err, cache.ErrCacheExists, c.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			o, err := cache.Status(ctx, st)
			if err != nil || o.Digest != "" || len(o.Runs) != 1 || o.Runs[0].State != schemas.RunRunning || o.Runs[0].Owner.PID != 7 {
				t.Errorf("status %+v, %v", o, err)
			}
		})
	}
}

func TestRunIDs(t *testing.T) {
	for _, id := range []string{"", ".", "..", "../x", "a/b", "-x", "a b", strings.Repeat("x", 101)} {
		st := local(t, t.TempDir())
		wantError(t, "Begin "+id, cache.Begin(ctx, st, newRun(id)), nil, "run id")
		wantError(t, "Fail "+id, cache.Fail(ctx, st, newRun(id), errors.New("x")), nil, "run id")
		_, _, err := cache.Commit{Run: newRun(id)}.Do(ctx, st)
		wantError(t, "Commit "+id, err, nil, "run id")
	}
}

// A run that is done stays done, and its rows stay in the cache.
func TestFailAfterDone(t *testing.T) {
	st := build(t, t.TempDir(), pairs(3), 3)
	if err := cache.Fail(ctx, st, newRun("r1"), errors.New("the launcher was killed")); err != nil {
		t.Fatal(err)
	}
	o, err := cache.Status(ctx, st)
	if err != nil || o.Runs[0].State != schemas.RunDone {
		t.Errorf("status %+v, %v", o, err)
	}
}
