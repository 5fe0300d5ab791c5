package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/upkeep"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func TestBegin(t *testing.T) {
	other := newRun("r0")
	other.Fingerprint = schemas.Fingerprint{{Name: schemas.ItemWeights, Digest: "sha256:bb", Detail: "large"}, fingerprint[1]}
	for _, c := range []struct {
		name  string
		files map[string]string
		setup func(t *testing.T, st storage.Store)
		is    error
		says  string // "" where Begin succeeds
	}{
		{name: "new directory"},
		{name: "the lock of a process that is gone", files: map[string]string{".lock": "process 7"}},
		{name: "a cache", setup: func(t *testing.T, st storage.Store) {
			begin(t, st, newRun("r0"))
			c := commit(nil)
			c.Run.ID = "r0"
			if _, _, err := c.Do(ctx, st); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a cache of another reference", setup: func(t *testing.T, st storage.Store) {
			begin(t, st, other)
			c := commit(nil)
			c.Run = other
			if _, _, err := c.Do(ctx, st); err != nil {
				t.Fatal(err)
			}
		}, is: cache.ErrReference, says: "weights of the cache is sha256:bb (large), of this run sha256:aa (tiny)"},
		{name: "a damaged cache", setup: func(t *testing.T, st storage.Store) {
			begin(t, st, newRun("r0"))
			c := commit(stage(t, st, options("r0"), pairs(3), 3))
			c.Run.ID = "r0"
			m, _, err := c.Do(ctx, st)
			if err != nil {
				t.Fatal(err)
			}
			os.Remove(st.URL(m.Parts[0].Path))
		}, is: cache.ErrDamaged, says: "is missing; steelyard verify"},
		{name: "a cache without manifest.json", setup: func(t *testing.T, st storage.Store) {
			begin(t, st, newRun("r0"))
			c := commit(stage(t, st, options("r0"), pairs(3), 3))
			c.Run.ID = "r0"
			if _, _, err := c.Do(ctx, st); err != nil {
				t.Fatal(err)
			}
			os.Remove(st.URL("manifest.json"))
		}, is: cache.ErrDamaged, says: "steelyard verify --repair puts it back"},
		{name: "held by a process", setup: func(t *testing.T, st storage.Store) {
			c, err := cache.Begin(ctx, st, newRun("r0"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Release)
		}, is: cache.ErrTaken, says: "the next run takes over the parts that it has finished"},
		{name: "another run of that id", files: map[string]string{"runs/r1.json": "{}"}, is: cache.ErrTaken, says: "give this run an id of its own"},
		{name: "a run that died", setup: func(t *testing.T, st storage.Store) { begin(t, st, newRun("r0")) }},
		{name: "a run that failed", setup: func(t *testing.T, st storage.Store) {
			if err := cache.Fail(ctx, st, newRun("r0"), errors.New("the disk is full")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "parts of another reference", setup: func(t *testing.T, st storage.Store) {
			begin(t, st, other)
			o := options("r0")
			o.Fingerprint = other.Fingerprint
			stage(t, st, o, pairs(3), 3)
		}, is: cache.ErrReference, says: "to drop them"},
		{name: "something else", files: map[string]string{"thesis.doc": "x"}, is: cache.ErrTaken, says: "thesis.doc, which is no part of a cache"},
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
			var before map[string]string
			if c.says != "" {
				before = tree(t, dir)
				delete(before, ".lock")
			}
			claim, err := cache.Begin(ctx, st, newRun("r1"))
			if c.says != "" {
				wantError(t, "Begin", err, c.is, c.says)
				after := tree(t, dir)
				if c.name != "something else" { // not even a lock is left there
					delete(after, ".lock")
				}
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("a refused Begin changed the directory: %s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer claim.Release()
			o, err := upkeep.Status(ctx, st)
			if err != nil || o.Digest != claim.Base || len(claim.Adopted)+len(claim.Dropped) > 0 {
				t.Errorf("claim %+v, status %+v, %v", claim, o, err)
			}
			for _, r := range o.Runs {
				if r.ID == "r1" && (r.State != schemas.RunRunning || r.Owner.PID != 7) || r.ID == "r0" && r.State == schemas.RunRunning {
					t.Errorf("run %+v", r)
				}
			}
		})
	}
}

// Of two that claim a cache at once, the second is told who holds it; when the first is gone it gets the cache.
func TestOneClaimAtATime(t *testing.T) {
	st := local(t, t.TempDir())
	first, err := cache.Begin(ctx, st, newRun("r1"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = cache.Begin(ctx, st, newRun("r2"))
	wantError(t, "the second Begin", err, cache.ErrTaken, "held by process")
	if got := objects(t, st, "runs/"); !cmp.Equal(got, []string{"runs/r1.json"}) {
		t.Errorf("runs %v", got)
	}
	first.Release()
	begin(t, st, newRun("r2"))
}

func TestRunIDs(t *testing.T) {
	for _, id := range []string{"", ".", "..", "../x", "a/b", "-x", "a b", "all", strings.Repeat("x", 101)} {
		st := local(t, t.TempDir())
		_, err := cache.Begin(ctx, st, newRun(id))
		wantError(t, "Begin "+id, err, nil, "run id")
		wantError(t, "Fail "+id, cache.Fail(ctx, st, newRun(id), errors.New("x")), nil, "run id")
		_, _, err = cache.Commit{Run: newRun(id)}.Do(ctx, st)
		wantError(t, "Commit "+id, err, nil, "run id")
	}
}

// A run that is done stays done, and its rows stay in the cache; also where only its record is behind.
func TestFailAfterDone(t *testing.T) {
	for _, behind := range []bool{false, true} {
		st := build(t, t.TempDir(), pairs(3), 3)
		if behind {
			record := newRun("r1")
			record.State = schemas.RunRunning
			write(t, st, "runs/r1.json", record)
		}
		if err := cache.Fail(ctx, st, newRun("r1"), errors.New("the launcher was killed")); err != nil {
			t.Fatal(err)
		}
		o, err := upkeep.Status(ctx, st)
		if err != nil || o.Runs[0].State != schemas.RunDone || o.Runs[0].Why != "" || o.Runs[0].Counts.Rows != 3 {
			t.Errorf("status %+v, %v", o, err)
		}
	}
}
